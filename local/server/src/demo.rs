//! Demo data: a few users and foods, created by requests to the API.

use std::io::Cursor;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use image::{ImageFormat, Rgb, RgbImage};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tower::ServiceExt as _;

use crate::gateway::Gateway;

/// The e-mail of the first demo user, printed at start.
pub const EMAIL: &str = "ada@example.com";
/// The password of all demo users. It is not secret.
pub const PASSWORD: &str = "a spoonful of sugar";

const FORM: &str = "multipart/form-data; boundary=food-app-demo";
const WIDTH: u32 = 400;
const HEIGHT: u32 = 300;

/// Errors of seeding the demo data. Each message ends with a remedy.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The e-mail of a demo user belongs to an account with another password. Field: the e-mail.
    #[error(
        "the account {0} already exists with another password; start without --demo and log in with that \
         password"
    )]
    AccountExists(String),
    /// The API rejected a request. Fields: path of the request, status of the response, body of the response.
    #[error("{0} returned {1}: {2}; start without --demo")]
    Rejected(&'static str, StatusCode, String),
}

/// The demo users with their foods, in JSON.
const USERS: &str = include_str!("demo.json");

#[derive(Deserialize)]
struct DemoUser {
    email: String,
    first_name: String,
    last_name: String,
    foods: Vec<DemoFood>,
}

#[derive(Deserialize)]
struct DemoFood {
    title: String,
    description: String,
    colour: [u8; 3],
}

/// Creates the missing demo users and foods. These requests are not logged.
pub(crate) async fn seed(mut gateway: Gateway) -> Result<(), DemoError> {
    let client = ConnectInfo(gateway.address);
    gateway.log = false;
    let host = gateway.address.to_string();
    let router = Arc::new(gateway).router(true);
    let post = async |path, token: &str, content_type, body: Vec<u8>| {
        let request = Request::post(path)
            .header(HOST, &host)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, content_type)
            .extension(client)
            .body(Body::from(body));
        let request = request.expect("the request is valid");
        let Ok(response) = router.clone().oneshot(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap_or_default();
        let body = body.to_bytes();
        // 409: an earlier run has created it.
        if status.is_success() || status == StatusCode::CONFLICT {
            return Ok(serde_json::from_slice(&body).unwrap_or_default());
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Err(DemoError::Rejected(path, status, body))
    };
    let users: Vec<DemoUser> = serde_json::from_str(USERS).expect("demo.json is valid");
    for user in &users {
        let sign_up = json!({
            "first_name": user.first_name,
            "last_name": user.last_name,
            "email": user.email,
            "password": PASSWORD,
        });
        let json = "application/json";
        let _: Value = post("/users", "", json, sign_up.to_string().into()).await?;
        let login = json!({ "email": user.email, "password": PASSWORD });
        let login = post("/login", "", json, login.to_string().into()).await;
        let tokens = login.map_err(|error| match error {
            DemoError::Rejected(_, StatusCode::UNAUTHORIZED, _) => {
                DemoError::AccountExists(user.email.clone())
            }
            error => error,
        })?;
        let token = tokens["access_token"].as_str().unwrap_or_default();
        for food in &user.foods {
            post("/food", token, FORM, food.form()).await?;
        }
    }
    Ok(())
}

impl DemoFood {
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

    /// Draws the image of the food as a JPEG: a plate on a table, from above.
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
            // Darker towards the bottom right.
            let shade = 255 - (x + y) * 80 / (WIDTH + HEIGHT);
            Rgb(colour.map(|part| u8::try_from(u32::from(part) * shade / 255).unwrap_or(u8::MAX)))
        });
        let mut file = Cursor::new(Vec::new());
        let written = image.write_to(&mut file, ImageFormat::Jpeg);
        written.expect("a JPEG is written to memory");
        file.into_inner()
    }
}
