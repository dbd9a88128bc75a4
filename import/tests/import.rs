//! The importer as it is run: the program, exports on disk, the real engines.

mod support;

use std::collections::HashSet;

use domain::food::{FoodRepository, Title};
use domain::image::ImageKind;
use domain::page::{PageRequest, PageSize};
use domain::password::{Password, PasswordHasher, Verdict};
use domain::testing::sample::GIF;
use domain::user::{Email, UserRepository};
use infrastructure::argon2::Argon2Hasher;

use support::{HASH, PASSWORD, PictureServer, Scene, broken_server};

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

/// Foods of the first user, one with each of these pictures.
fn foods_with(pictures: &[String]) -> String {
    let mut foods = FOODS.to_owned();
    for (id, picture) in pictures.iter().enumerate() {
        let row = format!("{id},1,Food {id},x,{picture},2020-06-02 10:00:00,,\n");
        foods.push_str(&row);
    }
    foods
}

async fn with_pictures() -> Scene {
    let scene = Scene::new().await;
    scene.write("pictures/a.gif", GIF);
    scene.write("pictures/b.gif", GIF);
    scene
}

const FROM_DIR: [&str; 2] = ["--pictures", "pictures"];
const BOTH_IMPORTED: &str = "users: 2 imported, 0 already there, 0 deleted before, 0 not taken; \
                             foods: 2 imported, 0 already there, 0 deleted before, 0 not taken\n";

#[tokio::test]
async fn everything_arrives_and_people_log_in_with_their_old_passwords() {
    let scene = with_pictures().await;
    let ran = scene.import(&users(), &foods(), &FROM_DIR).await;
    assert_eq!((ran.code, ran.output.as_str()), (0, BOTH_IMPORTED));

    let email = Email::parse("ada@example.com").unwrap();
    let found = scene.users().find_credentials(&email).await.unwrap();
    let found = found.expect("Ada is there");
    assert_eq!(found.user.first_name.as_str(), "Ada");
    let verdict =
        |password| Argon2Hasher::default().verify(&Password::presented(password), &found.password);
    assert_eq!(verdict(PASSWORD), Verdict::RightButOutdated);
    assert_eq!(verdict("another"), Verdict::Wrong);

    let foods = scene.all_foods().await;
    let [rice, mac] = foods.as_slice() else {
        panic!("{foods:?}");
    };
    assert_eq!(mac.creator, found.user);
    assert_eq!(mac.title.as_str(), "Mac & cheese");
    assert_eq!(
        mac.description.as_str(),
        "<p>Crisp, <b>hot</b>\n&amp; creamy</p>"
    );
    assert_eq!(mac.created_at.to_string(), "2020-06-01T08:00:00.500Z");
    assert_eq!(mac.updated_at.to_string(), "2020-06-03T08:00:00.000Z");
    assert_eq!(rice.creator.last_name.as_str(), "O'Hara");
    assert_eq!(rice.description.as_str(), "<p>Not &amp; escaped</p>");
    assert_eq!(rice.created_at.to_string(), "2020-06-02T08:00:00.000Z");
    assert_eq!(rice.updated_at, rice.created_at);
    assert!(rice.id > mac.id, "ids sort by time");
    for food in &foods {
        assert!(scene.keys().await.contains(food.image.as_str()));
        assert!(food.image.as_str().ends_with(ImageKind::Gif.extension()));
        assert_eq!(scene.picture(food.image.as_str()).await, GIF);
    }
}

#[tokio::test]
async fn running_it_again_changes_nothing() {
    let scene = with_pictures().await;
    scene.import(&users(), &foods(), &FROM_DIR).await;
    let (before, keys) = (scene.all_foods().await, scene.keys().await);
    scene.remove("pictures/a.gif");

    let ran = scene.import(&users(), &foods(), &FROM_DIR).await;
    assert_eq!(
        (ran.code, ran.output.as_str()),
        (
            0,
            "users: 0 imported, 2 already there, 0 deleted before, 0 not taken; \
             foods: 0 imported, 2 already there, 0 deleted before, 0 not taken\n"
        )
    );
    assert_eq!(scene.all_foods().await, before);
    assert_eq!(scene.keys().await, keys);
}

#[tokio::test]
async fn a_second_run_takes_what_the_first_could_not() {
    let scene = with_pictures().await;
    scene.remove("pictures/a.gif");
    let ran = scene.import(&users(), &foods(), &FROM_DIR).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "foods.csv:2: id 7: food_image: the folder has no such picture\n\
         users: 2 imported, 0 already there, 0 deleted before, 0 not taken; \
         foods: 1 imported, 0 already there, 0 deleted before, 1 not taken\n"
    );
    scene.write("pictures/a.gif", GIF);
    let ran = scene.import(&users(), &foods(), &FROM_DIR).await;
    assert_eq!(ran.code, 0, "{}", ran.output);
    assert_eq!(scene.all_foods().await.len(), 2);
    assert_eq!(scene.keys().await.len(), 2);
}

#[tokio::test]
async fn a_dry_run_reports_and_writes_nothing_and_needs_no_setting() {
    let scene = Scene::new().await;
    let foods = foods() + "9,3,Soup,Thin,c.gif,2020-06-02 10:00:00+02,,\n";
    let ran = scene.dry_run(&users(), &foods).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "foods.csv:5: id 9: user_id: that user was not taken\n\
         nothing written, but it would be: users: 2 imported, 0 already there, 0 deleted before, 0 not taken; \
         foods: 2 imported, 0 already there, 0 deleted before, 1 not taken\n"
    );
    assert_eq!(scene.everybody().await, 0);
    assert!(scene.all_foods().await.is_empty());
    assert!(scene.keys().await.is_empty());
}

#[tokio::test]
async fn rows_marked_as_deleted_are_left_out() {
    let scene = with_pictures().await;
    let gone = "2021-01-01 00:00:00+00";
    let users = users() + &format!("3,,,,,2020-05-03 12:00:00+00,,{gone}\n");
    // Its title is free for another.
    let foods = foods().replacen(
        "8,2,",
        &format!("9,2,Jollof rice,x,b.gif,,,{gone}\n8,2,"),
        1,
    );
    let ran = scene.import(&users, &foods, &FROM_DIR).await;
    assert_eq!(
        (ran.code, ran.output.as_str()),
        (
            0,
            "users: 2 imported, 0 already there, 1 deleted before, 0 not taken; \
             foods: 2 imported, 0 already there, 1 deleted before, 0 not taken\n"
        )
    );
}

#[tokio::test]
async fn of_addresses_and_titles_that_differ_only_in_case_the_first_is_taken() {
    let scene = with_pictures().await;
    let users = users() + &format!("3,Eve,Other,ADA@EXAMPLE.COM,{HASH},2020-05-03 12:00:00+00,,\n");
    let foods = foods()
        + "9,2,MAC &amp; CHEESE,Again,b.gif,2020-06-02 10:00:00+02,,\n\
           10,3,Her soup,Thin,b.gif,2020-06-02 10:00:00+02,,\n";
    let ran = scene.import(&users, &foods, &FROM_DIR).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "users.csv:4: id 3: email: the same as in line 2\n\
         foods.csv:5: id 9: title: the same as in line 2\n\
         foods.csv:6: id 10: user_id: that user was not taken\n\
         users: 2 imported, 0 already there, 0 deleted before, 1 not taken; \
         foods: 2 imported, 0 already there, 0 deleted before, 2 not taken\n"
    );
}

#[tokio::test]
async fn what_others_have_taken_meanwhile_stays_theirs() {
    let scene = with_pictures().await;
    scene.import(&users(), &foods(), &FROM_DIR).await;
    let before = scene.all_foods().await;

    let users = format!("{USERS}5,Eve,Other,ADA@example.com,{HASH},2020-05-03 12:00:00+00,,\n")
        + users()
            .split_once('\n')
            .unwrap()
            .1
            .split_once('\n')
            .unwrap()
            .1;
    let foods = format!("{FOODS}11,2,jollof RICE,Mine,b.gif,2020-06-05 10:00:00+00,,\n");
    let ran = scene.import(&users, &foods, &FROM_DIR).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "users.csv:2: id 5: email: another account has the address\n\
         foods.csv:2: id 11: title: another food has it\n\
         users: 0 imported, 1 already there, 0 deleted before, 1 not taken; \
         foods: 0 imported, 0 already there, 0 deleted before, 1 not taken\n"
    );
    assert_eq!(scene.all_foods().await, before);
    assert_eq!(scene.keys().await.len(), 2, "no picture is left behind");
}

#[tokio::test]
async fn broken_rows_are_reported_without_what_is_in_them_and_the_rest_is_taken() {
    let scene = with_pictures().await;
    let users = users()
        + &format!("3,,{},sesame,sesame,yesterday,,\n", "sesame".repeat(20))
        + "sesame,a,b,sesame@example.com,x,2020-05-01 12:00:00,,\n"
        + "4,sesame,b\n";
    let foods = foods()
        + "9,sesame, ,<script>sesame</script>,,sesame,sesame,\n\
           10,4,Soup,Thin,b.gif,2020-06-02 10:00:00,,\n";
    let ran = scene.import(&users, &foods, &FROM_DIR).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "users.csv:4: id 3: first_name: the name is empty; \
         last_name: the name is longer than 100 characters; email: not an e-mail address; \
         password: not a bcrypt hash of a usual cost; \
         created_at: not a time as PostgreSQL writes it, since 1970\n\
         users.csv:5: id ?: id: not a number\n\
         users.csv:6: id ?: the row has not as many fields as the header\n\
         foods.csv:5: id 9: user_id: not a number; title: the title is empty; \
         description: the description is empty; food_image: empty; \
         created_at: not a time as PostgreSQL writes it, since 1970; \
         updated_at: not a time as PostgreSQL writes it, since 1970\n\
         foods.csv:6: id 10: user_id: that user was not taken\n\
         users: 2 imported, 0 already there, 0 deleted before, 3 not taken; \
         foods: 2 imported, 0 already there, 0 deleted before, 2 not taken\n"
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_spoil_only_their_row() {
    let scene = with_pictures().await;
    let mut users = users().into_bytes();
    let at = users.windows(3).position(|bytes| bytes == b"Ada").unwrap();
    users[at] = 0xFF;
    let ran = scene.import(users, &foods(), &FROM_DIR).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.output
            .starts_with("users.csv:2: id ?: the row is not UTF-8\n"),
        "{}",
        ran.output
    );
    assert_eq!(scene.everybody().await, 1);
}

#[tokio::test]
async fn columns_are_found_by_name_and_others_are_ignored() {
    let scene = with_pictures().await;
    let users = format!(
        "role,deleted_at,password,email,created_at,last_name,first_name,id\n\
         admin,,{HASH},ada@example.com,2020-05-01 12:34:56.789+00,Lovelace,Ada,1\n"
    );
    let ran = scene.import(&users, FOODS, &FROM_DIR).await;
    assert_eq!(ran.code, 0, "{}", ran.output);
    assert_eq!(scene.everybody().await, 1);

    let ran = scene.import("id,name\n1,Ada\n", FOODS, &FROM_DIR).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "error: users.csv has no column deleted_at: its first line should name the columns\n"
    );
}

#[tokio::test]
async fn pictures_come_from_their_urls_and_what_is_no_picture_is_reported() {
    let scene = Scene::new().await;
    let server = PictureServer::start().await;
    let url = server.url();
    let pictures = [
        format!("{url}/spaces/a.gif"),
        "spaces/b.gif".to_owned(),
        format!("{url}/missing.gif"),
        format!("{url}/page.gif"),
        format!("{url}/large.gif"),
        format!("{url}/cut.gif"),
        format!("{}/a.gif", broken_server().await),
        "http://127.0.0.1:1/a.gif".to_owned(),
        "no url.gif".to_owned(),
    ];
    let base = format!("{url}/");
    let foods = foods_with(&pictures);
    let from_web = ["--picture-base-url", base.as_str()];
    let ran = scene.import(&users(), &foods, &from_web).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.output,
        "foods.csv:4: id 2: food_image: the answer is 404\n\
         foods.csv:5: id 3: food_image: not a whole JPEG, PNG, WebP, GIF or AVIF picture\n\
         foods.csv:6: id 4: food_image: the picture is larger than 100000 bytes\n\
         foods.csv:7: id 5: food_image: not a whole JPEG, PNG, WebP, GIF or AVIF picture\n\
         foods.csv:8: id 6: food_image: the answer broke off\n\
         foods.csv:9: id 7: food_image: no answer\n\
         foods.csv:10: id 8: food_image: not a URL: --pictures or --picture-base-url says where \
         the file is\n\
         users: 2 imported, 0 already there, 0 deleted before, 0 not taken; \
         foods: 2 imported, 0 already there, 0 deleted before, 7 not taken\n"
    );
    assert_eq!(scene.keys().await.len(), 2);
    let fetched = server.fetched();
    assert_eq!(
        fetched
            .iter()
            .filter(|path| path.starts_with("/spaces/"))
            .count(),
        2
    );

    scene.import(&users(), &foods, &from_web).await;
    let again = server.fetched().split_off(fetched.len());
    assert!(
        !again.iter().any(|path| path.starts_with("/spaces/")),
        "{again:?}"
    );
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder_of_pictures() {
    let scene = Scene::new().await;
    scene.write("pictures/.keep", b"");
    scene.write("outside.gif", GIF);
    scene.write("pictures/large.gif", vec![0; 100_001]);
    let names = ["../outside.gif", "..", "a\\..\\b.gif", "/", "large.gif"];
    let foods = foods_with(&names.map(str::to_owned));
    let ran = scene.import(&users(), &foods, &FROM_DIR).await;
    assert_eq!(
        ran.output,
        "foods.csv:2: id 0: food_image: the folder has no such picture\n\
         foods.csv:3: id 1: food_image: not the name of a file\n\
         foods.csv:4: id 2: food_image: not the name of a file\n\
         foods.csv:5: id 3: food_image: not the name of a file\n\
         foods.csv:6: id 4: food_image: the picture is larger than 100000 bytes\n\
         users: 2 imported, 0 already there, 0 deleted before, 0 not taken; \
         foods: 0 imported, 0 already there, 0 deleted before, 5 not taken\n"
    );
}

#[tokio::test]
async fn a_run_stops_where_no_store_answers() {
    let scene = Scene::new().await;
    let mut users = USERS.to_owned();
    for id in 1..=12 {
        let row = format!("{id},A,B,sesame{id}@example.com,{HASH},2020-05-01 12:00:00,,\n");
        users.push_str(&row);
    }
    let gone = ("USERS_TABLE", "sesame-less");
    let ran = scene.import_with(&users, FOODS, &FROM_DIR, &[gone]).await;
    assert_eq!(ran.code, 1);
    let lines: Vec<_> = ran.output.lines().collect();
    assert_eq!(lines.len(), 9, "{}", ran.output);
    assert!(lines[0].starts_with("users.csv:2: id 1: the store refuses: "));
    assert!(!ran.output.contains("@example.com"));
    assert!(lines[8].starts_with("error: the stores do not answer"));
}

#[tokio::test]
async fn a_missing_setting_is_named_before_anything_is_read() {
    let scene = Scene::new().await;
    let none = ("FOODS_TABLE", "");
    let ran = scene.import_with("", "", &[], &[none]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(ran.output, "error: setting FOODS_TABLE: is missing\n");
}

#[tokio::test]
async fn nothing_personal_is_in_the_output() {
    let scene = with_pictures().await;
    let ran = scene
        .import(&(users() + &users()), &(foods() + &foods()), &[])
        .await;
    assert_eq!(ran.code, 1);
    for personal in [
        "Ada", "Lovelace", "example", "$2a$", "cheese", "Jollof", "Crisp",
    ] {
        let output = ran.output.to_lowercase();
        assert!(!output.contains(&personal.to_lowercase()), "{output}");
    }
}

#[tokio::test]
async fn titles_and_addresses_are_claimed_as_the_api_claims_them() {
    let scene = with_pictures().await;
    scene.import(&users(), &foods(), &FROM_DIR).await;
    let mut copy = scene.all_foods().await.remove(0);
    copy.id = domain::id::FoodId::new(copy.created_at);
    copy.title = Title::parse("JOLLOF RICE").unwrap();
    assert!(scene.foods().create(&copy).await.is_err());
    let page = PageRequest {
        after: None,
        size: PageSize::default(),
    };
    let listed = scene.users().list(page).await.unwrap().items;
    let ids: HashSet<_> = listed.iter().map(|user| user.id).collect();
    assert_eq!(ids.len(), 2);
}
