//! Likes of many clients at once, and the cost of likes and recommendations beside many foods.

use std::time::Duration;

use domain::clock::{Clock as _, SystemClock};
use domain::food::{Description, FoodRepository as _};
use domain::id::{FoodId, SessionId, UserId};
use domain::like::{Like, LikeRepository as _, LogLikes, Profile, ProfileEntry};
use domain::neighbours::{
    FoodNeighbours, NeighbourList, NeighbourStore as _, Source, Top, TopFood, TopList,
};
use domain::password::PasswordHash;
use domain::session::{RefreshTokenState, Session, SessionStore as _};
use domain::testing::sample;
use domain::user::UserRepository as _;
use engines::dynoxide::actions::scan::ScanRequest;
use engines::dynoxide::{AttributeValue, ImportOptions, Item};
use engines::shared::Engines;
use engines::{DynamoDb, S3, TableNames, create_tables};
use functions::api::Api as Functions;
use functions::dependencies::Dependencies;
use functions::settings::Settings;
use futures_util::future::join_all;
use infrastructure::aws::Aws;
use serde_json::Value;
use test_support::faults::{Failure, Fault};
use test_support::fixture::{WAAKYE, event};
use test_support::recorder::{Recorder, longest_sequence};

use crate::event::recorded_fixture::RecordedFixture;
use crate::fault::state_check::StateCheck;

const CLIENTS: usize = 200;
/// How often each client likes or unlikes the food.
const ROUNDS: usize = 4;

/// A user with a session.
struct Client {
    id: UserId,
    authorization: String,
}

impl Client {
    /// Creates the account and the session of a user, without a password.
    async fn new(dependencies: &Dependencies) -> Self {
        let (user, now) = (sample::user(), SystemClock.now());
        let hash = PasswordHash::new("no hash".to_owned());
        dependencies.users().unwrap().create(&user, &hash).await.unwrap();
        let session = Session {
            id: SessionId::new(now),
            user: user.public.id,
            credentials_version: 0,
            refresh: RefreshTokenState::new(now, Duration::from_hours(1)),
            previous: None,
            created_at: now,
            user_agent: None,
        };
        dependencies.sessions().unwrap().create(&session, now).await.unwrap();
        let tokens = dependencies.token_issuer().unwrap().issue(&session, now).unwrap();
        Self { id: user.public.id, authorization: format!("Bearer {}", tokens.access) }
    }

    /// Invokes a function with its example event in the name of this user. Returns the status and the body of the response.
    async fn invoke(&self, functions: &Functions, name: &str, food: &str) -> (u64, Value) {
        let mut event: Value = serde_json::from_str(&event(name)).unwrap();
        event["headers"]["authorization"] = self.authorization.as_str().into();
        event["pathParameters"]["food_id"] = food.into();
        let response = functions.invoke(name, &event.to_string()).await.unwrap();
        let response: Value = serde_json::from_str(&response).unwrap();
        let body = response["body"].as_str().unwrap();
        (response["statusCode"].as_u64().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Likes or unlikes the food until the response is a success.
    async fn set_like(&self, functions: &Functions, liked: bool) {
        let name = if liked { "like_food" } else { "unlike_food" };
        loop {
            let (status, body) = self.invoke(functions, name, WAAKYE).await;
            if status == 200 {
                assert_eq!(body["liked"], liked, "{body}");
                return;
            }
            assert_eq!(status, 503, "{body}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn count_equals_likes_although_200_clients_lose_responses() {
    let recorded = RecordedFixture::with(&[]).await;
    let settings = Settings::new(recorded.settings());
    let functions = Functions::new(&settings).unwrap();
    let dependencies = Dependencies::new(settings).unwrap();
    let clients = join_all((0..CLIENTS).map(|_| Client::new(&dependencies))).await;
    let mut random = sample::Random::new(7);
    // Of seven transactions, two responses are lost.
    for nth in 0..CLIENTS * ROUNDS {
        recorded.dynamodb.faults().add(Fault {
            operation: "TransactWriteItems".to_owned(),
            resource: None,
            skip: random.below(6),
            times: 1,
            failure: [Failure::Lost, Failure::Failed][nth % 2],
        });
    }
    let plans = clients.iter().map(|client| {
        let plan = [(); ROUNDS].map(|()| random.below(3) > 0);
        (client, plan)
    });
    let runs = plans.collect::<Vec<_>>().into_iter().map(async |(client, plan)| {
        for liked in plan {
            client.set_like(&functions, liked).await;
        }
    });
    join_all(runs).await;
    StateCheck::read(&recorded).await.check_invariants("after lost responses");
    recorded.dynamodb.faults().clear();
    join_all(clients.iter().map(|client| client.set_like(&functions, true))).await;
    StateCheck::read(&recorded).await.check_invariants("after all liked the food");
    let food = FoodId::parse(WAAKYE).unwrap();
    // One user of the fixture likes it too.
    assert_eq!(dependencies.likes().unwrap().count(food).await.unwrap(), CLIENTS as u64 + 1);
}

/// The likes of the user for whom foods are recommended: at least as many as are read.
const LIKES: usize = 100;
/// The number of foods in all lists.
const LISTED: usize = 2_000;

/// A database with many foods, each of nearly 4 KB, on its own engine: an import blocks the engine for longer than other tests
/// wait.
struct ManyFoods {
    dynamodb: DynamoDb,
    recorder: Recorder,
    settings: Settings,
    dependencies: Dependencies,
    table: String,
    original: Item,
    _s3: S3,
}

/// What a request costs: read units, write units, calls in sequence.
#[derive(Debug)]
struct Cost {
    reads: f64,
    writes: f64,
    sequence: usize,
}

impl Cost {
    /// Asserts that the units are equal, within 5 %.
    fn assert_equal(&self, other: &Self) {
        for (units, others) in [(self.reads, other.reads), (self.writes, other.writes)] {
            assert!((units - others).abs() <= units * 0.05, "{self:?} {other:?}");
        }
        assert_eq!(self.sequence, other.sequence);
    }
}

impl ManyFoods {
    async fn new() -> Self {
        let key = Engines::key();
        let dynamodb = DynamoDb::temporary(&key).unwrap();
        let s3 = S3::temporary(&key).unwrap();
        let aws = engines::settings(&dynamodb, &s3);
        let names = TableNames::with_prefix("many-");
        create_tables(&Aws::new(aws.clone()).unwrap().dynamodb(), &names).await.unwrap();
        let recorder = Recorder::start(dynamodb.url()).await;
        let buckets = ["images", "uploads"].map(str::to_owned);
        let mut settings = local::fixtures::settings(&aws, names.clone(), buckets);
        settings.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), recorder.url.clone()));
        let settings = Settings::new(settings);
        let dependencies = Dependencies::new(settings.clone()).unwrap();
        let mut food = sample::food(&sample::public_user(sample::timestamp()));
        food.description = Description::sanitize(&"a".repeat(3_300)).unwrap();
        dependencies.foods().unwrap().create(&food).await.unwrap();
        let scan = ScanRequest { table_name: names.foods.clone(), ..ScanRequest::default() };
        let scanned = dynamodb.database().scan(scan).unwrap().items.unwrap();
        let original = scanned.into_iter().find(|item| item.contains_key("title")).unwrap();
        let table = names.foods;
        Self { dynamodb, recorder, settings, dependencies, table, original, _s3: s3 }
    }

    /// Imports new foods, each of another user.
    fn add(&self, count: usize) -> Vec<FoodId> {
        let now = SystemClock.now();
        let ids: Vec<_> = (0..count).map(|_| FoodId::new(now)).collect();
        for ids in ids.chunks(1_000) {
            let copies = ids.iter().map(|id| {
                let mut item = self.original.clone();
                let texts = [
                    ("pk", format!("FOOD#{id}")),
                    ("id", id.to_string()),
                    ("user_id", UserId::new(now).to_string()),
                ];
                item.extend(texts.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))));
                item
            });
            let database = self.dynamodb.database();
            database.import_items(&self.table, copies.collect(), ImportOptions::default()).unwrap();
        }
        ids
    }

    /// Stores likes of the user, and full lists of these foods.
    async fn add_likes(&self, user: UserId, foods: &[FoodId]) {
        let likes = self.dependencies.likes().unwrap();
        let mut random = sample::Random::new(7);
        let mut scored = || {
            let mut foods: Vec<_> = (0..150).map(|_| foods[random.below(foods.len())]).collect();
            foods.sort_unstable();
            foods.dedup();
            let scored = foods.into_iter().zip(1_u16..);
            scored.map(|(food, score)| (food, f32::from(score) / 1_000.0)).collect::<Vec<_>>()
        };
        for food in &foods[..LIKES] {
            let like = Like { user, food: *food, liked_at: SystemClock.now() };
            likes.create(&like).await.unwrap();
            let list = scored().into_iter().map(|(food, weight)| (food, f64::from(weight)));
            let list = NeighbourList::new(list);
            let source = Source::Online;
            let neighbours = FoodNeighbours { list, likes_then: 1, hot: 1.0, source };
            likes.write(*food, Some(&neighbours), None).await.unwrap();
        }
        let entry = |food: &FoodId| ProfileEntry { food: *food, likes: LogLikes::new(1) };
        let profile = Profile::new(foods[..LIKES].iter().map(entry).collect(), 0);
        likes.write_profile(user, Some(&profile), None).await.unwrap();
        for list in TopList::ALL {
            let foods = scored().into_iter().map(|(food, score)| TopFood { food, score });
            likes.write_top(list, &Top::new(list, foods), 0).await.unwrap();
        }
    }

    /// Invokes a function in a new environment, with empty caches.
    async fn cost(&self, client: &Client, name: &str, food: FoodId) -> Cost {
        let functions = Box::new(Functions::new(&self.settings).unwrap());
        self.recorder.delay_responses(Duration::from_millis(500));
        self.recorder.take();
        let (status, body) = Box::pin(client.invoke(&functions, name, &food.to_string())).await;
        assert_eq!(status, 200, "{body}");
        assert!(name != "recommend" || body.as_array().unwrap().len() == 20, "{body}");
        let calls = self.recorder.take();
        self.recorder.delay_responses(Duration::ZERO);
        let is_write = |operation: &str| operation.starts_with("Transact");
        let units = |writes| -> f64 {
            let calls = calls.iter().filter(|call| is_write(&call.operation) == writes);
            calls.map(|call| call.capacity).sum()
        };
        let cost =
            Cost { reads: units(false), writes: units(true), sequence: longest_sequence(&calls) };
        println!("{name}: {cost:?}");
        cost
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cost_of_likes_and_recommendations_is_independent_of_table_size() {
    let many = ManyFoods::new().await;
    let foods = many.add(LISTED);
    let (ada, eve) = (Client::new(&many.dependencies).await, Client::new(&many.dependencies).await);
    many.add_likes(ada.id, &foods).await;
    let recommend = many.cost(&ada, "recommend", foods[0]).await;
    let like = many.cost(&eve, "like_food", foods[0]).await;
    many.add(20_000 - LISTED);
    recommend.assert_equal(&many.cost(&ada, "recommend", foods[0]).await);
    like.assert_equal(&many.cost(&eve, "like_food", foods[1]).await);
    assert!(recommend.reads <= 115.0 && recommend.sequence <= 3, "{recommend:?}");
    assert!(like.writes <= 7.0 && like.sequence <= 3, "{like:?}");
}
