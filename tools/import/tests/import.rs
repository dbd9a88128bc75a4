//! The importer as it is run: the program, exports on disk, the real engines.

mod support;

use domain::food::Food;
use domain::password::{Password, PasswordCheck, PasswordHasher};
use domain::testing::sample::GIF;
use domain::user::{Email, UserRepository};
use infrastructure::argon2::Argon2Hasher;

use support::{CommandOutput, Fixture, HASH, MAX_IMAGE_BYTES, PASSWORD, image_server};

const USERS: &str = "id,first_name,last_name,email,password,created_at,updated_at,deleted_at\n";
const FOODS: &str = "id,user_id,title,description,food_image,created_at,updated_at,deleted_at\n";

/// Two people.
fn users() -> String {
    format!(
        "{USERS}\
         1,Ada,Lovelace,Ada@Example.com,{HASH},2020-05-01 12:34:56.789+00,2020-05-01 12:34:56.789+00,\n\
         2,Sinéad,O&#39;Hara,sinead@example.ie,{HASH},2020-05-02 12:00:00,2020-05-02 12:00:00,\n"
    )
}

/// A food of each.
fn foods() -> String {
    format!(
        "{FOODS}\
         7,1,Mac &amp; cheese,\"&lt;p&gt;Crisp, &lt;b&gt;hot&lt;/b&gt;\n&amp;amp; creamy&lt;/p&gt;\",a.gif,2020-06-01 08:00:00.5+00,2020-06-03 08:00:00+00,\n\
         8,2,Jollof rice,<p>Not &amp; escaped</p>,https://old.example/spaces/b.gif?v=1,2020-06-02 10:00:00+02,,\n"
    )
}

/// Foods of the first user, one with each of these images.
fn foods_with(images: &[String]) -> String {
    let mut foods = FOODS.to_owned();
    for (id, image) in images.iter().enumerate() {
        let row = format!("{id},1,Food {id},x,{image},2020-06-02 10:00:00,,\n");
        foods.push_str(&row);
    }
    foods
}

async fn with_images() -> Fixture {
    let scene = Fixture::new().await;
    scene.write("images/a.gif", GIF);
    scene.write("images/b.gif", GIF);
    scene
}

/// The importer wrote these lines about rows, and counted so many: imported, already there, deleted
/// before, not taken.
#[track_caller]
fn assert_report(ran: &CommandOutput, rows: &[&str], users: [usize; 4], foods: [usize; 4]) {
    let [users, foods] = [users, foods].map(|[imported, there, deleted, not_taken]| {
        format!("{imported} imported, {there} already there, {deleted} deleted before, {not_taken} not taken")
    });
    let summary = format!("users: {users}; foods: {foods}");
    let lines: Vec<_> = ran.output.lines().collect();
    assert_eq!(lines, [rows, &[summary.as_str()]].concat());
    assert_eq!(ran.code, i32::from(!rows.is_empty()));
}

#[tokio::test]
async fn users_and_foods_arrive_with_their_old_passwords() {
    let scene = with_images().await;
    let ran = scene.import(users(), foods()).await;
    assert_report(&ran, &[], [2, 0, 0, 0], [2, 0, 0, 0]);

    let email = Email::parse("ada@example.com").unwrap();
    let found = scene.users().find_credentials(&email).await.unwrap();
    let found = found.expect("Ada is there");
    assert_eq!(found.user.first_name.as_str(), "Ada");
    let password = Password::unvalidated(PASSWORD);
    let verdict = Argon2Hasher::default().verify(&password, &found.password);
    assert_eq!(verdict, PasswordCheck::ValidNeedsRehash);

    let foods = scene.foods().await;
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
    let keys = scene.keys().await;
    let shown = foods.iter().flat_map(Food::rendition_keys);
    assert!(
        shown
            .map(|key| key.to_string())
            .all(|key| keys.contains(&key))
    );
}

#[tokio::test]
async fn second_run_changes_nothing() {
    let scene = with_images().await;
    scene.import(users(), foods()).await;
    let (before, keys) = (scene.foods().await, scene.keys().await);
    scene.remove("images/a.gif");
    let ran = scene.import(users(), foods()).await;
    assert_report(&ran, &[], [0, 2, 0, 0], [0, 2, 0, 0]);
    assert_eq!((scene.foods().await, scene.keys().await), (before, keys));
}

#[tokio::test]
async fn second_run_imports_what_the_first_could_not() {
    let scene = with_images().await;
    scene.remove("images/a.gif");
    let ran = scene.import(users(), foods()).await;
    let missing = "foods.csv:2: id 7: food_image: the folder has no such image";
    assert_report(&ran, &[missing], [2, 0, 0, 0], [1, 0, 0, 1]);
    scene.write("images/a.gif", GIF);
    let ran = scene.import(users(), foods()).await;
    assert_report(&ran, &[], [0, 2, 0, 0], [1, 1, 0, 0]);
}

#[tokio::test]
async fn dry_run_needs_no_setting_and_writes_nothing() {
    let scene = Fixture::new().await;
    let foods = foods() + "9,3,Soup,Thin,c.gif,2020-06-02 10:00:00+02,,\n";
    let ran = scene
        .import_with(users(), foods, &["--dry-run"], None)
        .await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "foods.csv:5: id 9: user_id: that user was not taken\n\
         nothing written, but it would be: users: 2 imported, 0 already there, 0 deleted before, 0 not taken; \
         foods: 2 imported, 0 already there, 0 deleted before, 1 not taken\n"
    );
    assert_eq!(scene.count_users().await, 0);
    assert!(scene.foods().await.is_empty() && scene.keys().await.is_empty());
}

#[tokio::test]
async fn deleted_rows_are_left_out() {
    let scene = with_images().await;
    let gone = "2021-01-01 00:00:00+00";
    let users = users() + &format!("3,,,,,2020-05-03 12:00:00+00,,{gone}\n");
    // Its title is free for another.
    let deleted = format!("9,2,Jollof rice,x,b.gif,,,{gone}\n8,2,");
    let foods = foods().replacen("8,2,", &deleted, 1);
    let ran = scene.import(users, foods).await;
    assert_report(&ran, &[], [2, 0, 1, 0], [2, 0, 1, 0]);
}

#[tokio::test]
async fn duplicate_email_or_title_is_reported() {
    let scene = with_images().await;
    let users = users() + &format!("3,Eve,Other,ADA@EXAMPLE.COM,{HASH},2020-05-03 12:00:00+00,,\n");
    let foods = foods()
        + "9,2,MAC &amp; CHEESE,Again,b.gif,2020-06-02 10:00:00+02,,\n\
           10,3,Her soup,Thin,b.gif,2020-06-02 10:00:00+02,,\n";
    let ran = scene.import(users, foods).await;
    let rows = [
        "users.csv:4: id 3: email: the same as in line 2",
        "foods.csv:5: id 9: title: the same as in line 2",
        "foods.csv:6: id 10: user_id: that user was not taken",
    ];
    assert_report(&ran, &rows, [2, 0, 0, 1], [2, 0, 0, 2]);
}

#[tokio::test]
async fn taken_email_or_title_is_reported() {
    let scene = with_images().await;
    scene.import(users(), foods()).await;
    let before = scene.foods().await;
    let users = format!(
        "{USERS}5,Eve,Other,ADA@example.com,{HASH},2020-05-03 12:00:00+00,,\n{}",
        users().lines().nth(2).unwrap()
    );
    let foods = format!("{FOODS}11,2,jollof RICE,Mine,b.gif,2020-06-05 10:00:00+00,,\n");
    let ran = scene.import(users, foods).await;
    let rows = [
        "users.csv:2: id 5: email: another account has the address",
        "foods.csv:2: id 11: title: another food has it",
    ];
    assert_report(&ran, &rows, [0, 1, 0, 1], [0, 0, 0, 1]);
    assert_eq!(scene.foods().await, before);
    assert_eq!(scene.keys().await.len(), 4, "no image is left behind");
}

#[tokio::test]
async fn invalid_rows_are_reported_without_their_content() {
    let scene = with_images().await;
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
    let ran = scene.import(users, foods).await;
    let rows = [
        "users.csv:4: id 3: first_name: the text is empty; \
         last_name: the text is too long; email: not an e-mail address; \
         password: not a bcrypt hash of a usual cost; \
         created_at: not a time as PostgreSQL writes it, since 1970",
        "users.csv:5: id ?: id: not a number",
        "users.csv:6: id ?: the row has not as many fields as the header",
        "users.csv:7: id ?: the row is not UTF-8",
        "foods.csv:5: id 9: user_id: not a number; title: the text is empty; \
         description: the description is empty; food_image: empty; \
         created_at: not a time as PostgreSQL writes it, since 1970; \
         updated_at: not a time as PostgreSQL writes it, since 1970",
        "foods.csv:6: id 10: user_id: that user was not taken",
    ];
    assert_report(&ran, &rows, [2, 0, 0, 4], [2, 0, 0, 2]);
}

#[tokio::test]
async fn columns_are_found_by_name() {
    let scene = Fixture::new().await;
    let users = format!(
        "role,deleted_at,password,email,created_at,last_name,first_name,id\n\
         admin,,{HASH},ada@example.com,2020-05-01 12:34:56.789+00,Lovelace,Ada,1\n"
    );
    let ran = scene.import(users, FOODS).await;
    assert_report(&ran, &[], [1, 0, 0, 0], [0; 4]);

    let ran = scene.import("id,first_name\n1,Ada\n", FOODS).await;
    assert_eq!(ran.code, 1);
    assert!(ran.output.starts_with("error: cannot read users.csv: "));
    assert!(ran.output.contains("missing field `last_name`"));
}

#[tokio::test]
async fn images_come_from_their_urls() {
    let scene = Fixture::new().await;
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
    let import = async || {
        scene
            .import_with(users(), &foods, &from_web, Some(&[]))
            .await
    };
    let ran = import().await;
    let rows = [
        "foods.csv:4: id 2: food_image: the answer is 404",
        "foods.csv:5: id 3: food_image: not a JPEG, PNG, WebP or GIF image",
        "foods.csv:6: id 4: food_image: the image is larger than 100000 bytes",
        "foods.csv:7: id 5: food_image: the image is damaged or incomplete",
        "foods.csv:8: id 6: food_image: the answer broke off",
        "foods.csv:9: id 7: food_image: no answer",
        "foods.csv:10: id 8: food_image: not a URL: --images or --image-base-url says where the file is",
    ];
    assert_report(&ran, &rows, [2, 0, 0, 0], [2, 0, 0, 7]);

    // What is there is not fetched again.
    requested.lock().unwrap().clear();
    import().await;
    let requested = requested.lock().unwrap();
    assert!(!requested.iter().any(|path| path.starts_with("/spaces/")));
}

#[tokio::test]
async fn image_name_cannot_leave_the_folder() {
    let scene = Fixture::new().await;
    scene.write("outside.gif", GIF);
    scene.write("images/large.gif", vec![0; MAX_IMAGE_BYTES + 1]);
    let names = ["../outside.gif", "..", "a\\..\\b.gif", "/", "large.gif"];
    let ran = scene
        .import(users(), foods_with(&names.map(str::to_owned)))
        .await;
    let rows = [
        "foods.csv:2: id 0: food_image: the folder has no such image",
        "foods.csv:3: id 1: food_image: not the name of a file",
        "foods.csv:4: id 2: food_image: not the name of a file",
        "foods.csv:5: id 3: food_image: not the name of a file",
        "foods.csv:6: id 4: food_image: the image is larger than 100000 bytes",
    ];
    assert_report(&ran, &rows, [2, 0, 0, 0], [0, 0, 0, 5]);
}

#[tokio::test]
async fn unavailable_store_ends_the_run() {
    let scene = Fixture::new().await;
    let mut users = USERS.to_owned();
    for id in 1..=12 {
        let row = format!("{id},A,B,sesame{id}@example.com,{HASH},2020-05-01 12:00:00,,\n");
        users.push_str(&row);
    }
    let gone = [("USERS_TABLE", "sesame-less")];
    let ran = scene.import_with(&users, FOODS, &[], Some(&gone)).await;
    assert_eq!(ran.code, 1);
    let lines: Vec<_> = ran.output.lines().collect();
    assert_eq!(lines.len(), 9, "{}", ran.output);
    assert!(lines[0].starts_with("users.csv:2: id 1: the store refuses: "));
    assert!(!ran.output.contains("@example.com"));
    assert!(lines[8].starts_with("error: the stores do not answer"));
}

#[tokio::test]
async fn missing_setting_is_named() {
    let scene = Fixture::new().await;
    let none = [("FOODS_TABLE", "")];
    let ran = scene.import_with("", "", &[], Some(&none)).await;
    let error = "error: setting FOODS_TABLE: is missing\n";
    assert_eq!((ran.code, ran.output.as_str()), (1, error));
}
