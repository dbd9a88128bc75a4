#!/usr/bin/env bash
# Uses the API from sign-up to the deletion of the account, and prints each step. Needs curl, python3 and a running API:
#
#   cargo run -p local
#   scripts/demo.sh [URL]     # http://127.0.0.1:8888 by default
set -euo pipefail
cd "$(dirname "$0")"

api=${1:-http://127.0.0.1:8888}
run=$(date +%s)-$$ # e-mails and titles are unique, so every run has its own
email=demo-$run@example.com
password='a spoonful of sugar'
title="Jollof rice, demo $run"
photo=dish.jpg

step() {
  printf '\n%s\n' "$1"
}

# Sends a request and prints the body. Ends the script unless the status is 2xx.
request() {
  local response status body
  response=$(curl -sS -w '\n%{http_code}' -X "$1" "${@:3}" -- "$2") || {
    printf 'No response from %s. Is the API running? cargo run -p local\n' "$2" >&2
    exit 1
  }
  status=${response##*$'\n'}
  body=${response%$'\n'*}
  if [[ $status != 2* ]]; then
    printf '%s %s returned %s: %s\n' "$1" "$2" "$status" "$body" >&2
    exit 1
  fi
  if [[ -n $body ]]; then printf '%s\n' "$body"; fi
}

# Prints one value of a JSON document: `field upload.url`.
field() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    value = value[name]
print(value)' "$1"
}

# Prints the renditions of a food, one a line.
renditions() {
  python3 -c '
import json, sys
for image in json.load(sys.stdin)["images"]:
    print("  {width} x {height}  {type:<10}  {url}".format(**image))'
}

# Prints recommended foods, one a line.
recommendations() {
  python3 -c '
import json, sys
for item in json.load(sys.stdin):
    because = item["because"]
    print("  {title}".format(**item["food"]), "because of {title}".format(**because) if because else "")'
}

step "Sign up as $email"
request POST "$api/users" -d "{\"first_name\":\"Demo\",\"last_name\":\"User\",\"email\":\"$email\",\"password\":\"$password\"}"

step 'Log in'
tokens=$(request POST "$api/login" -d "{\"email\":\"$email\",\"password\":\"$password\"}")
authorization="Authorization: Bearer $(field access_token <<<"$tokens")"
refresh_token=$(field refresh_token <<<"$tokens")
printf '  access and refresh token received\n'

step 'Post a food with a photo; these renditions are public:'
food=$(request POST "$api/food" -H "$authorization" --form-string "title=$title" \
  --form-string 'description=<p>Smoky, with <b>plantain</b></p>' -F "food_image=@$photo")
id=$(field id <<<"$food")
renditions <<<"$food"

step 'List the newest food'
request GET "$api/food?limit=1"

step 'As another user, like the food'
other=other-$run@example.com
request POST "$api/users" -d "{\"first_name\":\"Other\",\"last_name\":\"User\",\"email\":\"$other\",\"password\":\"$password\"}"
tokens=$(request POST "$api/login" -d "{\"email\":\"$other\",\"password\":\"$password\"}")
other_authorization="Authorization: Bearer $(field access_token <<<"$tokens")"
request PUT "$api/food/$id/like" -H "$other_authorization"

step 'Recommendations, and the liked food that is the reason; more with --demo'
request GET "$api/recommendations" -H "$other_authorization" | recommendations

step 'Upload a photo directly to the bucket: request a presigned POST ...'
size=$(wc -c <"$photo")
upload=$(request POST "$api/food/images" -H "$authorization" -d "{\"content_type\":\"image/jpeg\",\"size\":$((size))}")
image_id=$(field image_id <<<"$upload")
# The fields of the form as curl options, each on its own line. They have no line breaks.
mapfile -t options < <(python3 -c '
import json, sys
for name, value in json.load(sys.stdin)["upload"]["fields"].items():
    print("--form-string", f"{name}={value}", sep="\n")' <<<"$upload")
printf '  image_id %s\n' "$image_id"

step '... send the form with the file as its last field ...'
request POST "$(field upload.url <<<"$upload")" "${options[@]}" -F "file=@$photo"
printf '  uploaded %d bytes\n' "$size"

step '... and attach the upload to the food'
request PUT "$api/food/$id" -H "$authorization" -H 'Content-Type: application/json' \
  -d "{\"title\":\"$title\",\"description\":\"Smoky\",\"image_id\":\"$image_id\"}" | renditions

step 'Edit the text; without a new image the old one stays'
request PUT "$api/food/$id" -H "$authorization" --form-string "title=$title" --form-string 'description=Even smokier'

step 'Refresh the tokens'
tokens=$(request POST "$api/refresh" -d "{\"refresh_token\":\"$refresh_token\"}")
authorization="Authorization: Bearer $(field access_token <<<"$tokens")"
printf '  new access and refresh token received\n'

step 'Delete the food'
request DELETE "$api/food/$id" -H "$authorization"

step 'Log out'
request POST "$api/logout" -H "$authorization"

step 'Log in again and delete both accounts'
tokens=$(request POST "$api/login" -d "{\"email\":\"$email\",\"password\":\"$password\"}")
request DELETE "$api/users/me" -H "Authorization: Bearer $(field access_token <<<"$tokens")"
request DELETE "$api/users/me" -H "$other_authorization"
printf '  done\n'
