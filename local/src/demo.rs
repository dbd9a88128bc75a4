//! A few people and foods to look at, made through the API itself.

use std::io::Cursor;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Builder;
use http::{Request, StatusCode};
use http_body_util::Full;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use thiserror::Error;

use crate::gateway::Gateway;

/// Whom the banner tells to log in as.
pub const EMAIL: &str = "ada@example.com";
/// And how. It is nobody's secret.
pub const PASSWORD: &str = "a spoonful of sugar";

const BOUNDARY: &str = "food-app-demo";
const WIDTH: u32 = 400;
const HEIGHT: u32 = 300;

/// The API refused what the demo sent.
#[derive(Debug, Error)]
#[error("{path} answered {status}: {answer}")]
pub struct DemoError {
    path: &'static str,
    status: StatusCode,
    answer: String,
}

struct Person {
    email: &'static str,
    first_name: &'static str,
    last_name: &'static str,
    foods: &'static [Dish],
}

struct Dish {
    title: &'static str,
    description: &'static str,
    format: ImageFormat,
    table: [u8; 3],
    colour: [u8; 3],
}

const PEOPLE: [Person; 3] = [
    Person {
        email: EMAIL,
        first_name: "Ada",
        last_name: "Okafor",
        foods: &[
            Dish {
                title: "Jollof rice",
                description: "<p>Smoky, red and <strong>never</strong> without plantain.</p>",
                format: ImageFormat::Jpeg,
                table: [92, 64, 51],
                colour: [207, 84, 32],
            },
            Dish {
                title: "Egusi soup",
                description: "<p>Melon seeds and bitter leaf. Eat it with your hands.</p>",
                format: ImageFormat::Png,
                table: [120, 144, 156],
                colour: [181, 148, 53],
            },
        ],
    },
    Person {
        email: "lin@example.com",
        first_name: "Lin",
        last_name: "Wei",
        foods: &[
            Dish {
                title: "Mapo tofu",
                description: "<p>Tofu that numbs and warms:</p><ul><li>doubanjiang</li>\
                              <li>Sichuan pepper</li></ul>",
                format: ImageFormat::Jpeg,
                table: [55, 71, 79],
                colour: [171, 40, 30],
            },
            Dish {
                title: "Scallion pancakes",
                description: "<p>Flaky layers, best straight from the pan.</p>",
                format: ImageFormat::Jpeg,
                table: [84, 110, 84],
                colour: [226, 190, 120],
            },
        ],
    },
    Person {
        email: "sofia@example.com",
        first_name: "Sofía",
        last_name: "Müller",
        foods: &[
            Dish {
                title: "Käsespätzle",
                description: "<p>Egg noodles, mountain cheese, <em>a lot</em> of onions.</p>",
                format: ImageFormat::Jpeg,
                table: [121, 85, 72],
                colour: [240, 200, 80],
            },
            Dish {
                title: "Gazpacho",
                description: "<p>Summer in a glass: tomatoes, cucumber, bread, olive oil.</p>",
                format: ImageFormat::Png,
                table: [176, 190, 197],
                colour: [214, 60, 40],
            },
        ],
    },
];

/// Signs everybody up and shares their foods. What is there already stays as it is.
pub(crate) async fn fill(gateway: &Gateway, client: SocketAddr) -> Result<(), DemoError> {
    let api = Client { gateway, client };
    for person in &PEOPLE {
        let email = person.email;
        let user = json!({
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": email,
            "password": PASSWORD,
        });
        api.post("/users", as_json(), user.to_string()).await?;
        let login = json!({ "email": email, "password": PASSWORD });
        let tokens = api.post("/login", as_json(), login.to_string()).await?;
        let token = tokens["access_token"].as_str().unwrap_or_default();
        for food in person.foods {
            let form = Request::builder()
                .header(AUTHORIZATION, format!("Bearer {token}"))
                .header(
                    CONTENT_TYPE,
                    format!("multipart/form-data; boundary={BOUNDARY}"),
                );
            api.post("/food", form, food.form()).await?;
        }
    }
    Ok(())
}

fn as_json() -> Builder {
    Request::builder().header(CONTENT_TYPE, "application/json")
}

struct Client<'a> {
    gateway: &'a Gateway,
    client: SocketAddr,
}

impl Client<'_> {
    async fn post(
        &self,
        path: &'static str,
        request: Builder,
        body: impl Into<Bytes>,
    ) -> Result<Value, DemoError> {
        let request = request.method("POST").uri(path);
        let request = request.body(()).expect("a request of our own is valid");
        let (parts, ()) = request.into_parts();
        let body = Full::new(body.into());
        let response = self.gateway.answer(&parts, body, self.client).await;
        let status = response.status();
        // An earlier run made it.
        if !status.is_success() && status != StatusCode::CONFLICT {
            return Err(DemoError {
                path,
                status,
                answer: String::from_utf8_lossy(response.body()).into_owned(),
            });
        }
        Ok(serde_json::from_slice(response.body()).unwrap_or_default())
    }
}

impl Dish {
    fn form(&self) -> Vec<u8> {
        let mut form = Vec::new();
        for (name, value) in [("title", self.title), ("description", self.description)] {
            let part = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            form.extend_from_slice(part.as_bytes());
        }
        let media_type = self.format.to_mime_type();
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"food_image\"; \
             filename=\"picture\"\r\nContent-Type: {media_type}\r\n\r\n"
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(&self.picture());
        form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        form
    }

    /// A plate on a table, from above.
    fn picture(&self) -> Vec<u8> {
        const PLATE: [u8; 3] = [244, 241, 235];
        const RIM: [u8; 3] = [214, 208, 198];
        let picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let (from_left, from_top) = (x.abs_diff(WIDTH / 2), y.abs_diff(HEIGHT / 2));
            let seen = match from_left * from_left + from_top * from_top {
                0..=7_000 => self.colour,
                7_001..=11_700 => PLATE,
                11_701..=14_000 => RIM,
                _ => self.table,
            };
            // Light falls in from the top left.
            let shade = 255 - (x + y) * 80 / (WIDTH + HEIGHT);
            Rgb(seen.map(|part| u8::try_from(u32::from(part) * shade / 255).unwrap_or(u8::MAX)))
        });
        let mut file = Cursor::new(Vec::new());
        let written = picture.write_to(&mut file, self.format);
        written.expect("memory takes a picture of any format we name");
        file.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use domain::image::{Image, ImageKind};

    use super::*;

    #[test]
    fn the_pictures_are_pictures_and_all_different() {
        let foods = || PEOPLE.iter().flat_map(|person| person.foods);
        let pictures: Vec<_> = foods().map(Dish::picture).collect();
        for (nth, (picture, food)) in pictures.iter().zip(foods()).enumerate() {
            let kind = match food.format {
                ImageFormat::Png => ImageKind::Png,
                _ => ImageKind::Jpeg,
            };
            let image = Image::parse(picture.clone().into(), 100_000).unwrap();
            assert_eq!(image.kind(), kind, "{}", food.title);
            assert!(!pictures[..nth].contains(picture), "{}", food.title);
        }
        assert_eq!(pictures.len(), 6);
    }
}
