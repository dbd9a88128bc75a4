//! Tests of the program `import` with CSV files, images and the embedded engines.

mod support;

use domain::food::Food;
use domain::password::{Password, PasswordCheck, PasswordHasher};
use domain::testing::sample::GIF;
use domain::user::{Email, UserRepository};
use infrastructure::argon2::Argon2Hasher;

use support::{CommandOutput, Fixture, HASH, MAX_IMAGE_BYTES, PASSWORD, image_server};

const USERS: &str = "id,first_name,last_name,email,password,created_at,updated_at,deleted_at\n";
const FOODS: &str = "id,user_id,title,description,food_image,created_at,updated_at,deleted_at\n";

/// Returns a CSV file with two users.
fn users() -> String {
    format!(
        "{USERS}\
         1,Ada,Lovelace,Ada@Example.com,{HASH},2020-05-01 12:34:56.789+00,2020-05-01 12:34:56.789+00,\n\
         2,Sinéad,O&#39;Hara,sinead@example.ie,{HASH},2020-05-02 12:00:00,2020-05-02 12:00:00,\n"
    )
}

/// Returns a CSV file with one food of each user in [`users`].
fn foods() -> String {
    format!(
        "{FOODS}\
         7,1,Mac &amp; cheese,\"&lt;p&gt;Crisp, &lt;b&gt;hot&lt;/b&gt;\n&amp;amp; creamy&lt;/p&gt;\",a.gif,2020-06-01 08:00:00.5+00,2020-06-03 08:00:00+00,\n\
         8,2,Jollof rice,<p>Not &amp; escaped</p>,https://old.example/spaces/b.gif?v=1,2020-06-02 10:00:00+02,,\n"
    )
}

/// Returns a CSV file with one food of the first user for each image.
fn foods_with(images: &[String]) -> String {
    let mut foods = FOODS.to_owned();
    for (id, image) in images.iter().enumerate() {
        let row = format!("{id},1,Food {id},x,{image},2020-06-02 10:00:00,,\n");
        foods.push_str(&row);
    }
    foods
}

async fn fixture_with_images() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.write("images/a.gif", GIF);
    fixture.write("images/b.gif", GIF);
    fixture
}

/// Asserts the report: `rows` are its lines for failed rows; `users` and `foods` are the numbers of rows that were
/// imported, already present, skipped as deleted, and failed.
#[track_caller]
fn assert_report(output: &CommandOutput, rows: &[&str], users: [usize; 4], foods: [usize; 4]) {
    let [users, foods] = [users, foods].map(|[imported, present, deleted, failed]| {
        format!("{imported} imported, {present} already present, {deleted} skipped as deleted, {failed} failed")
    });
    let summary = format!("users: {users}; foods: {foods}");
    let lines: Vec<_> = output.text.lines().collect();
    assert_eq!(lines, [rows, &[summary.as_str()]].concat());
    assert_eq!(output.status, i32::from(!rows.is_empty()));
}

#[tokio::test]
async fn users_are_imported_with_passwords_and_foods() {
    let fixture = fixture_with_images().await;
    let output = fixture.import(users(), foods()).await;
    assert_report(&output, &[], [2, 0, 0, 0], [2, 0, 0, 0]);

    let email = Email::parse("ada@example.com").unwrap();
    let found = fixture.users().find_credentials(&email).await.unwrap();
    let found = found.expect("Ada is imported");
    assert_eq!(found.user.first_name.as_str(), "Ada");
    let password = Password::unvalidated(PASSWORD);
    let check = Argon2Hasher::default().verify(&password, &found.password.hash);
    assert_eq!(check, PasswordCheck::ValidNeedsRehash);

    let foods = fixture.foods().await;
    let [rice, mac] = foods.as_slice() else {
        panic!("{foods:?}");
    };
    assert_eq!(mac.creator, found.user);
    assert_eq!(mac.title.as_str(), "Mac & cheese");
    let description = "<p>Crisp, <b>hot</b>\n&amp; creamy</p>";
    assert_eq!(mac.description.as_str(), description);
    assert_eq!(mac.created_at.to_string(), "2020-06-01T08:00:00.500Z");
    assert_eq!(mac.updated_at.to_string(), "2020-06-03T08:00:00.000Z");
    assert_eq!(rice.creator.last_name.as_str(), "O'Hara");
    assert_eq!(rice.description.as_str(), "<p>Not &amp; escaped</p>");
    assert_eq!(rice.created_at.to_string(), "2020-06-02T08:00:00.000Z");
    assert_eq!(rice.updated_at, rice.created_at);
    assert!(rice.id > mac.id, "ids sort by time");
    let keys = fixture.keys().await;
    let mut expected = foods.iter().flat_map(Food::rendition_keys);
    assert!(expected.all(|key| keys.contains(&key.to_string())));
}

#[tokio::test]
async fn second_import_of_same_rows_changes_nothing() {
    let fixture = fixture_with_images().await;
    fixture.import(users(), foods()).await;
    let (before, keys) = (fixture.foods().await, fixture.keys().await);
    fixture.remove("images/a.gif");
    let output = fixture.import(users(), foods()).await;
    assert_report(&output, &[], [0, 2, 0, 0], [0, 2, 0, 0]);
    assert_eq!((fixture.foods().await, fixture.keys().await), (before, keys));
}

#[tokio::test]
async fn second_import_retries_rows_that_failed() {
    let fixture = fixture_with_images().await;
    fixture.remove("images/a.gif");
    let output = fixture.import(users(), foods()).await;
    let missing = "foods.csv:2: id 7: food_image: the folder of --images has no such file";
    assert_report(&output, &[missing], [2, 0, 0, 0], [1, 0, 0, 1]);
    fixture.write("images/a.gif", GIF);
    let output = fixture.import(users(), foods()).await;
    assert_report(&output, &[], [0, 2, 0, 0], [1, 1, 0, 0]);
}

#[tokio::test]
async fn import_dry_run_writes_nothing_and_reports_as_import() {
    let fixture = fixture_with_images().await;
    fixture.write("images/text.gif", "no image");
    std::fs::create_dir(fixture.path("images/folder.gif")).unwrap();
    let foods = foods()
        + "9,3,Soup,Thin,c.gif,2020-06-02 10:00:00+02,,\n\
           10,1,Stew,Thick,missing.gif,2020-06-02 10:00:00+02,,\n\
           11,1,Bread,Dark,text.gif,2020-06-02 10:00:00+02,,\n\
           12,1,Cake,Sweet,folder.gif,2020-06-02 10:00:00+02,,\n";
    let rows = [
        "foods.csv:5: id 9: user_id: the user was not imported",
        "foods.csv:6: id 10: food_image: the folder of --images has no such file",
        "foods.csv:7: id 11: food_image: not a JPEG, PNG, WebP or GIF image",
        "foods.csv:8: id 12: food_image: the file cannot be read: is a directory",
    ];
    let arguments = ["--dry-run", "--images", "images"];
    let mut dry_run = fixture.import_with(users(), &foods, &arguments, None).await;
    assert_eq!(fixture.count_users().await, 0);
    assert!(fixture.foods().await.is_empty() && fixture.keys().await.is_empty());
    dry_run.text = dry_run.text.replace("dry run, nothing was written: ", "");
    let import = fixture.import(users(), foods).await;
    for output in [dry_run, import] {
        assert_report(&output, &rows, [2, 0, 0, 0], [2, 0, 0, 4]);
    }
}

#[tokio::test]
async fn import_reports_lines_of_the_file() {
    let fixture = fixture_with_images().await;
    let invalid =
        |id, description| format!("{id},x,Soup,{description},b.gif,2020-06-02 10:00:00,,\n");
    let foods = foods() + "\n" + &invalid(9, "\"two\n\nlines\"") + "\n\n" + &invalid(10, "one");
    for foods in [foods.clone(), foods.replace('\n', "\r\n")] {
        let output = fixture.import(users(), foods).await;
        let rows = output.text.lines().filter(|line| line.starts_with("foods.csv"));
        let rows: Vec<_> = rows.collect();
        let expected = [
            "foods.csv:6: id 9: user_id: not a number",
            "foods.csv:11: id 10: user_id: not a number",
        ];
        assert_eq!(rows, expected);
    }
}

#[tokio::test]
async fn import_skips_rows_marked_as_deleted() {
    let fixture = fixture_with_images().await;
    let gone = "2021-01-01 00:00:00+00";
    let users = users() + &format!("3,,,,,2020-05-03 12:00:00+00,,{gone}\n");
    // Another food may have the title of a deleted one.
    let deleted = format!("9,2,Jollof rice,x,b.gif,,,{gone}\n8,2,");
    let foods = foods().replacen("8,2,", &deleted, 1);
    let output = fixture.import(users, foods).await;
    assert_report(&output, &[], [2, 0, 1, 0], [2, 0, 1, 0]);
}

#[tokio::test]
async fn import_reports_duplicate_email_or_title_in_csv() {
    let fixture = fixture_with_images().await;
    let users = users() + &format!("3,Eve,Other,ADA@EXAMPLE.COM,{HASH},2020-05-03 12:00:00+00,,\n");
    let foods = foods()
        + "9,2,MAC &amp; CHEESE,Again,b.gif,2020-06-02 10:00:00+02,,\n\
           10,3,Her soup,Thin,b.gif,2020-06-02 10:00:00+02,,\n";
    let output = fixture.import(users, foods).await;
    let rows = [
        "users.csv:4: id 3: email: duplicate of line 2",
        "foods.csv:5: id 9: title: duplicate of line 2",
        "foods.csv:6: id 10: user_id: the user was not imported",
    ];
    assert_report(&output, &rows, [2, 0, 0, 1], [2, 0, 0, 2]);
}

#[tokio::test]
async fn import_reports_email_or_title_of_other_stored_data() {
    let fixture = fixture_with_images().await;
    fixture.import(users(), foods()).await;
    let before = fixture.foods().await;
    let users = format!(
        "{USERS}5,Eve,Other,ADA@example.com,{HASH},2020-05-03 12:00:00+00,,\n{}",
        users().lines().nth(2).unwrap()
    );
    let foods = format!("{FOODS}11,2,jollof RICE,Mine,b.gif,2020-06-05 10:00:00+00,,\n");
    let output = fixture.import(users, foods).await;
    let rows = [
        "users.csv:2: id 5: email: used by another account",
        "foods.csv:2: id 11: title: used by another food",
    ];
    assert_report(&output, &rows, [0, 1, 0, 1], [0, 0, 0, 1]);
    assert_eq!(fixture.foods().await, before);
    assert_eq!(fixture.keys().await.len(), 4, "no orphaned image");
}

#[tokio::test]
async fn import_reports_invalid_rows_without_their_content() {
    let fixture = fixture_with_images().await;
    let users = users()
        + &format!("3,,{},sesame,sesame,yesterday,,\n", "sesame".repeat(20))
        + "sesame,a,b,sesame@example.com,x,2020-05-01 12:00:00,,\n\
           4,sesame,b\n\
           5,a,~,,,,,\n";
    let not_utf8 = users.find('~').unwrap();
    let foods = foods()
        + "9,sesame, ,<script>sesame</script>,,sesame,sesame,\n\
           10,4,Soup,Thin,b.gif,2020-06-02 10:00:00,,\n";
    let mut users = users.into_bytes();
    users[not_utf8] = 0xFF;
    let output = fixture.import(users, foods).await;
    let rows = [
        "users.csv:4: id 3: first_name: the text is empty; \
         last_name: the text is too long; email: not a valid e-mail; \
         password: not a bcrypt hash of cost 4 to 14; \
         created_at: not a PostgreSQL timestamp since 1970",
        "users.csv:5: id ?: id: not a number",
        "users.csv:6: id ?: the row and the header differ in their number of fields",
        "users.csv:7: id ?: the row is not UTF-8",
        "foods.csv:5: id 9: user_id: not a number; title: the text is empty; \
         description: the description is empty; food_image: empty; \
         created_at: not a PostgreSQL timestamp since 1970; \
         updated_at: not a PostgreSQL timestamp since 1970",
        "foods.csv:6: id 10: user_id: the user was not imported",
    ];
    assert_report(&output, &rows, [2, 0, 0, 4], [2, 0, 0, 2]);
}

#[tokio::test]
async fn csv_columns_are_matched_by_name() {
    let fixture = Fixture::new().await;
    let users = format!(
        "role,deleted_at,password,email,created_at,last_name,first_name,id\n\
         admin,,{HASH},ada@example.com,2020-05-01 12:34:56.789+00,Lovelace,Ada,1\n"
    );
    let output = fixture.import(users, FOODS).await;
    assert_report(&output, &[], [1, 0, 0, 0], [0; 4]);

    let output = fixture.import("id,first_name\n1,Ada\n", FOODS).await;
    assert_eq!(output.status, 1);
    assert!(output.text.starts_with("error: cannot read users.csv: "));
    assert!(output.text.contains("missing field `last_name`"));
}

#[tokio::test]
async fn import_downloads_images_from_their_urls() {
    let fixture = Fixture::new().await;
    let (url, requested) = image_server().await;
    let images = [
        format!("{url}/spaces/a.gif"),
        "spaces/b.gif".to_owned(),
        format!("{url}/missing.gif"),
        format!("{url}/page.gif"),
        format!("{url}/large.gif"),
        format!("{url}/cut.gif"),
        format!("{url}/broken.gif"),
        "http://127.0.0.1:1/a.gif".to_owned(),
        "no url.gif".to_owned(),
    ];
    let foods = foods_with(&images);
    let from_web = ["--image-base-url", url.as_str()];
    let import = async || fixture.import_with(users(), &foods, &from_web, Some(&[])).await;
    let output = import().await;
    let rows = [
        "foods.csv:4: id 2: food_image: the server returned status 404",
        "foods.csv:5: id 3: food_image: not a JPEG, PNG, WebP or GIF image",
        "foods.csv:6: id 4: food_image: the image is larger than 100000 bytes",
        "foods.csv:7: id 5: food_image: the image is damaged or incomplete",
        "foods.csv:8: id 6: food_image: the download was interrupted",
        "foods.csv:9: id 7: food_image: no response from the server",
        "foods.csv:10: id 8: food_image: not a URL; pass its folder with --images or its URL prefix with --image-base-url",
    ];
    assert_report(&output, &rows, [2, 0, 0, 0], [2, 0, 0, 7]);

    // Images of imported foods are not downloaded again.
    requested.lock().unwrap().clear();
    import().await;
    let requested = requested.lock().unwrap();
    assert!(!requested.iter().any(|path| path.starts_with("/spaces/")));
}

#[tokio::test]
async fn image_name_cannot_escape_the_image_folder() {
    let fixture = Fixture::new().await;
    fixture.write("outside.gif", GIF);
    fixture.write("images/large.gif", vec![0; MAX_IMAGE_BYTES + 1]);
    let names = ["../outside.gif", "..", "a\\..\\b.gif", "/", "large.gif"];
    let output = fixture.import(users(), foods_with(&names.map(str::to_owned))).await;
    let rows = [
        "foods.csv:2: id 0: food_image: the folder of --images has no such file",
        "foods.csv:3: id 1: food_image: not a file name",
        "foods.csv:4: id 2: food_image: not a file name",
        "foods.csv:5: id 3: food_image: not a file name",
        "foods.csv:6: id 4: food_image: the image is larger than 100000 bytes",
    ];
    assert_report(&output, &rows, [2, 0, 0, 0], [0, 0, 0, 5]);
}

#[tokio::test]
async fn repeated_storage_errors_abort_the_import() {
    let fixture = Fixture::new().await;
    let mut users = USERS.to_owned();
    for id in 1..=12 {
        let row = format!("{id},A,B,sesame{id}@example.com,{HASH},2020-05-01 12:00:00,,\n");
        users.push_str(&row);
    }
    let settings = [("USERS_TABLE", "missing")];
    let output = fixture.import_with(&users, FOODS, &[], Some(&settings)).await;
    assert_eq!(output.status, 1);
    let lines: Vec<_> = output.text.lines().collect();
    assert_eq!(lines.len(), 9, "{}", output.text);
    assert!(lines[0].starts_with("users.csv:2: id 1: the store "));
    assert!(!output.text.contains("@example.com"));
    assert!(lines[8].starts_with("error: 8 consecutive rows failed"));
}

#[tokio::test]
async fn import_reports_missing_setting_by_name() {
    let fixture = Fixture::new().await;
    let unset = [("FOODS_TABLE", "")];
    let output = fixture.import_with("", "", &[], Some(&unset)).await;
    assert_eq!(output.status, 1);
    assert!(output.text.starts_with("error: setting FOODS_TABLE: "));
}
