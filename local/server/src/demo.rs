//! A few users and foods to look at, created through the API itself.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use image::{ImageFormat, Rgb, RgbImage};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tower::ServiceExt as _;

use crate::gateway::Gateway;

/// The e-mail that the banner shows.
pub const EMAIL: &str = "ada@example.com";
/// The password of all users. It is no secret.
pub const PASSWORD: &str = "a spoonful of sugar";

const FORM: &str = "multipart/form-data; boundary=food-app-demo";
const WIDTH: u32 = 400;
const HEIGHT: u32 = 300;

/// The API rejected a request of the demo.
#[derive(Debug, Error)]
#[error("{path} returned {status}: {body}")]
pub struct DemoError {
    path: &'static str,
    status: StatusCode,
    body: String,
}

/// Users and their foods.
const PEOPLE: &str = include_str!("demo.json");

#[derive(Deserialize)]
struct Person {
    email: String,
    first_name: String,
    last_name: String,
    foods: Vec<Dish>,
}

#[derive(Deserialize)]
struct Dish {
    title: String,
    description: String,
    colour: [u8; 3],
}

/// Signs the users up and shares their foods. Existing ones stay as they are.
pub(crate) async fn fill(gateway: &Arc<Gateway>, client: SocketAddr) -> Result<(), DemoError> {
    let router = gateway.router(true);
    let post = async |path, token: &str, content_type, body: Vec<u8>| {
        let request = Request::post(path)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, content_type)
            .extension(ConnectInfo(client))
            .body(Body::from(body));
        let request = request.expect("a request of our own is valid");
        let Ok(response) = router.clone().oneshot(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap_or_default();
        let body = body.to_bytes();
        // An earlier run may have created it.
        if status.is_success() || status == StatusCode::CONFLICT {
            return Ok(serde_json::from_slice(&body).unwrap_or_default());
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Err(DemoError { path, status, body })
    };
    let people: Vec<Person> = serde_json::from_str(PEOPLE).expect("a file of our own is valid");
    for person in &people {
        let user = json!({
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "password": PASSWORD,
        });
        let json = "application/json";
        let _: Value = post("/users", "", json, user.to_string().into()).await?;
        let login = json!({ "email": person.email, "password": PASSWORD });
        let tokens = post("/login", "", json, login.to_string().into()).await?;
        let token = tokens["access_token"].as_str().unwrap_or_default();
        for food in &person.foods {
            post("/food", token, FORM, food.form()).await?;
        }
    }
    Ok(())
}

impl Dish {
    fn form(&self) -> Vec<u8> {
        let (title, description) = (&self.title, &self.description);
        let mut form = format!(
            "--food-app-demo\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n{title}\r\n\
             --food-app-demo\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n{description}\r\n\
             --food-app-demo\r\nContent-Disposition: form-data; name=\"food_image\"; filename=\"image\"\r\n\r\n"
        )
        .into_bytes();
        form.extend(self.image());
        form.extend(b"\r\n--food-app-demo--\r\n");
        form
    }

    /// Draws a plate on a table, from above.
    fn image(&self) -> Vec<u8> {
        const PLATE: [u8; 3] = [244, 241, 235];
        const TABLE: [u8; 3] = [120, 100, 90];
        let image = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let (from_left, from_top) = (x.abs_diff(WIDTH / 2), y.abs_diff(HEIGHT / 2));
            let colour = match from_left * from_left + from_top * from_top {
                0..=7_000 => self.colour,
                7_001..=14_000 => PLATE,
                _ => TABLE,
            };
            // Light falls in from the top left.
            let shade = 255 - (x + y) * 80 / (WIDTH + HEIGHT);
            Rgb(colour.map(|part| u8::try_from(u32::from(part) * shade / 255).unwrap_or(u8::MAX)))
        });
        let mut file = Cursor::new(Vec::new());
        let written = image.write_to(&mut file, ImageFormat::Jpeg);
        written.expect("memory takes an image");
        file.into_inner()
    }
}
