//! Builds `multipart/form-data` bodies in the format of browsers.

/// A `multipart/form-data` body (RFC 7578).
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Form(Vec<u8>);

const BOUNDARY: &str = "----food-app-tests";

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a food form with title and description, without an image.
    pub fn food(title: &str) -> Self {
        Self::new().text("title", title).text("description", "<p>With <b>plantain</b></p>")
    }

    /// Creates a food form with title, description and a new JPEG.
    pub fn food_with_image(title: &str) -> Self {
        Self::food(title).file("food.jpg", &crate::images::jpeg())
    }

    /// Adds a text field to the form.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_bytes())
    }

    /// Adds a file to the form, in the field `food_image`.
    pub fn file(self, file_name: &str, bytes: &[u8]) -> Self {
        self.file_named("food_image", file_name, bytes)
    }

    pub fn file_named(self, name: &str, file_name: &str, bytes: &[u8]) -> Self {
        let disposition = format!("name=\"{name}\"; filename=\"{file_name}\"");
        self.part(&disposition, bytes)
    }

    fn part(mut self, disposition: &str, value: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }

    pub fn body(mut self) -> Vec<u8> {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}
