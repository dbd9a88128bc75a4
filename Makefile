# Commands of the project. Each is short and also works without make.

STAGE ?= default
FUNCTION ?= list_food
EVENT ?= events/$(FUNCTION).json
ENGINES ?= .local/events/env
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Arguments of `sam` and `aws`: the function's logical id and the name of the stack.
LOGICAL_ID = $(shell python3 -c 'print("$(FUNCTION)".title().replace("_", "") + "Function")')
STACK = $(or $(shell sed -n '/^\[$(STAGE).global/,/^stack_name/s/^stack_name = "\(.*\)"/\1/p' samconfig.toml),$(error samconfig.toml has no stage $(STAGE); the sections of dev are named `default`))

# The SAM CLI and boto3 read only AWS_DEFAULT_REGION, the AWS CLI prefers AWS_REGION.
ifdef AWS_REGION
export AWS_DEFAULT_REGION := $(AWS_REGION)
endif

# cargo-lambda looks for zig on the PATH.
LAMBDA = PATH="$$(.ci/tools cargo-lambda ziglang):$$PATH" cargo lambda
SAM = PATH="$$(.ci/tools aws-sam-cli cargo-lambda ziglang):$$PATH" SAM_CLI_TELEMETRY=0 sam
# Without the tools that compile, because this command has credentials.
SAM_DEPLOY = PATH="$$(.ci/tools aws-sam-cli):$$PATH" SAM_CLI_TELEMETRY=0 sam deploy --config-env $(STAGE)
DELETE_DATA = "$$(.ci/tools aws-sam-cli)/python" scripts/delete-data.py
# BINARIES='get_food login' builds only these functions.
BUILD = build --release --locked --package functions $(BINARIES:%=--bin %)

# Functions in containers find the engines at host.docker.internal. On Linux that is the address of Docker's bridge; Docker Desktop has no
# bridge on this machine and forwards to 127.0.0.1.
BRIDGE = $(shell ip -4 -o address show docker0 2>/dev/null | sed 's|.* inet \([0-9.]*\)/.*|\1|;q')
HOST_ARCHITECTURE = $(if $(filter x86_64,$(shell uname -m)),x86_64,arm64)
SAM_LOCAL = --template-file .aws-sam/local/local.json --parameter-overrides Architecture=$(HOST_ARCHITECTURE) \
  --env-vars $(ENGINES).json --add-host host.docker.internal:host-gateway $(ARGS)

BENCH = cargo run --profile driver --locked --package bench --bin

.DEFAULT_GOAL := help
.PHONY: help run engines test test-slow test-faults test-crash test-soak test-arm64 check fuzz bench-cold bench-guard bench-record recommend-bench charts costs tools build build-x86 build-host sizes watch invoke local-build local-invoke start-api validate template deploy-role package deploy-first deploy smoke rotate logs destroy delete-data

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'FUNCTION=login selects the function of invoke, local-invoke and logs, EVENT=events/login.json its event;'
	@echo 'STAGE=prod selects the section of samconfig.toml for deploy, rotate, logs, destroy and delete-data.'

run: ## run the API on this machine: http://127.0.0.1:8888
	cargo run -p local

engines: ## run local DynamoDB and S3 with the data for events/; used by watch, local-invoke and start-api
	cargo run -p local -- --engines-only --seed-fixtures --data-dir $(dir $(ENGINES)) $(if $(BRIDGE),--listen $(BRIDGE))

test: ## run the unit, contract, event and end-to-end tests: about a minute after compiling
	cargo test --workspace

test-slow: ## run the tests that take minutes: fault injection, timing, crashes, load
	cargo test --workspace --test slow

check: ## run all checks of CI
	.ci/run

bench-cold: ## measure cold starts and warm calls of all functions, compared with three programs (docs/PERFORMANCE.md)
	cargo $(BUILD)
	cargo build --release --locked --manifest-path tools/bench/yardsticks/Cargo.toml --target-dir $(TARGET)/yardsticks
	$(BENCH) cold -- --functions $(TARGET)/release --yardsticks $(TARGET)/yardsticks/release $(ARGS) >$(TARGET)/bench-cold.md
	@cat $(TARGET)/bench-cold.md
	-tools/bench/charts.py --table $(TARGET)/bench-cold.md

bench-guard: ## fail if a function's size or instruction count exceeds tools/bench/recorded.json
	.ci/guard

bench-record: ## update tools/bench/recorded.json
	.ci/guard --write

recommend-bench: ## measure recommendations beside `implicit` and EASE; .ci/recommend --write records (docs/RECOMMENDATIONS.md)
	.ci/recommend

charts: ## draw the charts in docs/images from docs/PERFORMANCE.md and the cost model
	tools/bench/charts.py

costs: ## compute the cost tables in docs/COSTS.md
	tools/bench/costs.py --write

test-faults: ## inject every fault into every backend call of every function, and print the outcomes
	cargo test --workspace --test slow -- fault:: --nocapture

test-crash: ## kill the local server 20 times during writes and starts, and check its data; CRASH_KILLS=200 for more
	cargo test --package local --test slow -- crash --nocapture

test-soak: ## call all routes of the local server concurrently; LOAD_SECONDS=600 and LOAD_CLIENTS=16 for more
	cargo test --profile driver --package local --test slow -- load --nocapture

test-arm64: ## build the packages for arm64 and run the functions in them on QEMU (needs x86-64 and apt)
	.ci/arm64

fuzz: ## fuzz each target of tools/fuzz for ten minutes (needs a nightly toolchain)
	.ci/fuzz $(ARGS)

tools: ## install cargo-lambda, zig, the SAM CLI and cfn-lint in the target folder: about four minutes
	.ci/tools
	rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-gnu

build: ## build the Lambda packages for arm64: target/lambda/NAME/bootstrap.zip
	$(LAMBDA) $(BUILD) --arm64 --output-format zip

build-x86: ## build the Lambda packages for x86-64: target/lambda-x86/NAME/bootstrap.zip
	$(LAMBDA) $(BUILD) --x86-64 --output-format zip --lambda-dir $(TARGET)/lambda-x86

build-host: $(if $(filter x86_64,$(HOST_ARCHITECTURE)),build-x86,build) ## build the Lambda packages for this machine

sizes: ## print the sizes of the packages from the last build
	@python3 .ci/sizes.py $(TARGET)/lambda

watch: ## run the functions on this machine and rebuild them after changes: http://127.0.0.1:9000
	$(LAMBDA) watch --package functions --invoke-address 127.0.0.1 $(if $(wildcard $(ENGINES)),--env-file $(ENGINES))

invoke: ## send an event to a function of `make watch`
	$(LAMBDA) invoke --invoke-address 127.0.0.1 $(FUNCTION) --data-file $(EVENT)

# Builds the function, or all if LOGICAL_ID is empty, for the architecture of this machine.
local-build:
	@test -e $(ENGINES).json || { echo 'run `make engines` in another terminal first'; exit 1; }
	$(SAM) build $(LOGICAL_ID) --build-dir .aws-sam/local --parameter-overrides Architecture=$(HOST_ARCHITECTURE)
	"$$(.ci/tools aws-sam-cli)/python" .ci/local-template.py .aws-sam/local $(ENGINES).json

local-invoke: local-build ## run a function with an event in Lambda's container image (needs Docker)
	$(SAM) local invoke $(LOGICAL_ID) --event $(EVENT) $(SAM_LOCAL)

start-api: LOGICAL_ID =
start-api: local-build ## run all functions in Lambda's container image: http://127.0.0.1:3000 (needs Docker)
	$(SAM) local start-api $(SAM_LOCAL)

validate: ## validate template.yaml without an AWS account
	.ci/validate-template

template: ## validate template.yaml and update tests/template
	.ci/validate-template --write

deploy-role: ## create the roles of a stage for deployments from GitHub: REPOSITORY=owner/name (see docs/DEPLOY.md)
	$(SAM_DEPLOY) --template-file deploy-role.yaml --stack-name $(STACK:food-app-%=food-app-deploy-%) \
	  --s3-prefix $(STACK:food-app-%=food-app-deploy-%) --capabilities CAPABILITY_NAMED_IAM \
	  --parameter-overrides Stage=$(STACK:food-app-%=%) Repository=$(or $(REPOSITORY),$(error REPOSITORY is missing)) $(ARGS)

package: validate ## build what `make deploy` deploys
	@: $(STACK)
	$(SAM) build --config-env $(STAGE)

deploy-first: package ## create the stack, without deletion protection; then `make deploy` (see docs/DEPLOY.md)
	@status=$$(aws cloudformation describe-stacks --stack-name $(STACK) --query 'Stacks[0].StackStatus' --output text 2>/dev/null); \
	  case $$status in '' | REVIEW_IN_PROGRESS) ;; *) echo "$(STACK) exists ($$status): make deploy STAGE=$(STAGE)"; exit 1 ;; esac
	sed 's/DeletionProtection=true/DeletionProtection=false/' samconfig.toml >.aws-sam/first.toml
	$(SAM_DEPLOY) --config-file $(CURDIR)/.aws-sam/first.toml $(ARGS)

deploy: package ## build and deploy with your AWS credentials; shows the changes and asks for confirmation
	$(SAM_DEPLOY) $(ARGS)

# Pauses, because a list may lack a food for a moment: indexes of DynamoDB are eventually consistent.
smoke: ## call every route of a deployed API with the Bruno collection: URL=https://…
	.ci/bruno $(or $(URL),$(error URL is missing)) --delay 200 $(ARGS)

rotate: ## rotate the signing secrets without revoking sessions; a week later again with FINISH=--finish
	"$$(.ci/tools aws-sam-cli)/python" scripts/rotate-secrets.py $(STACK) $(FINISH)

logs: ## follow the log of a function
	$(SAM) logs --config-env $(STAGE) --name $(LOGICAL_ID) --tail

destroy: ## delete the stack; keeps tables and buckets, and prints the command that deletes them
	@echo 'This deletes the stack $(STACK): the API, its functions, logs, alarms, secrets and CDN.'
	@echo 'It keeps the tables and buckets with all data. Note the command that deletes them later:'
	@names=$$($(DELETE_DATA) $(STACK)) && echo "make delete-data STAGE=$(STAGE) NAMES='$$names'"
	$(SAM) delete --config-env $(STAGE)

delete-data: ## delete the tables and buckets that `make destroy` kept, with all data: NAMES='NAME ...'
	$(DELETE_DATA) $(STACK) $(NAMES)
