//! The description in words: `docs/API.md`, for those who read where no page can be served.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];
const REFERENCE: &str = "#/components/schemas/";

/// An `OpenAPI` document of ours as Markdown: what it is about, its operations by tag, and its shapes.
pub(crate) fn markdown(document: &Value) -> Result<String, fmt::Error> {
    let mut out = String::from("# The API\n\n");
    out += "<!-- Written by `cargo run -p openapi` from the code of the functions. -->\n\n";
    writeln!(out, "{}", text(&document["info"]["description"]))?;
    for tag in array(&document["tags"]) {
        let name = text(&tag["name"]);
        write!(out, "\n## {name}\n\n{}\n", text(&tag["description"]))?;
        for (path, operations) in object(&document["paths"]) {
            let methods = METHODS
                .iter()
                .filter_map(|method| Some((method, operations.get(method)?)));
            for (method, operation) in methods.filter(|(_, operation)| operation["tags"][0] == name)
            {
                write!(out, "\n### {} {path}\n", method.to_uppercase())?;
                describe(&mut out, operation)?;
            }
        }
    }
    out += "\n## Shapes\n";
    for (name, schema) in object(&document["components"]["schemas"]) {
        write!(out, "\n### {name}\n\n")?;
        if let Some(description) = schema["description"].as_str() {
            write!(out, "{description}\n\n")?;
        }
        members(&mut out, schema)?;
    }
    Ok(out)
}

fn describe(out: &mut String, operation: &Value) -> fmt::Result {
    write!(out, "\n**{}.**", text(&operation["summary"]))?;
    if array(&operation["security"]).next().is_some() {
        out.push_str(" Signed in.");
    }
    match text(&operation["description"]) {
        "" => out.push('\n'),
        description => writeln!(out, " {description}")?,
    }
    let mut parameters = array(&operation["parameters"]).peekable();
    if parameters.peek().is_some() {
        out.push('\n');
    }
    for parameter in parameters {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let shape = shape(&parameter["schema"]);
        let optional = optional(parameter["required"] == true);
        let about = text(&parameter["description"]);
        writeln!(out, "- `{name}` ({place}; {shape}{optional}): {about}")?;
    }
    for (media_type, body) in object(&operation["requestBody"]["content"]) {
        let schema = &body["schema"];
        if schema.get("$ref").is_some() {
            write!(out, "\nIs given `{media_type}`: {}.\n", shape(schema))?;
        } else {
            write!(out, "\nIs given `{media_type}`:\n\n")?;
            members(out, schema)?;
        }
    }
    out.push_str("\n| Answer | |\n|---|---|\n");
    for (status, response) in object(&operation["responses"]) {
        writeln!(out, "| {status} | {} |", answer(response))?;
    }
    Ok(())
}

/// What an answer has in it: for a problem its codes, with what they say.
fn answer(response: &Value) -> String {
    let content = &response["content"];
    let mut lines = Vec::new();
    if let Some(problem) = content.get("application/problem+json") {
        let members = object(&problem["schema"]["properties"]);
        for (code, about) in members.filter(|(_, member)| member["type"] == "string") {
            let sentences: Vec<_> = array(&about["examples"]).map(text).collect();
            lines.push(format!("`{code}`: {}", sentences.join("; ")));
        }
    } else {
        let mut line = text(&response["description"])
            .trim_end_matches('.')
            .to_owned();
        for (_, body) in object(content) {
            line += ": ";
            line += &shape(&body["schema"]);
        }
        lines.push(line);
    }
    let headers = object(&response["headers"]).map(|(name, _)| format!("`{name}`"));
    let headers: Vec<_> = headers.collect();
    if !headers.is_empty() {
        lines.push(format!("With {}", headers.join(", ")));
    }
    cell(&lines.join("<br>"))
}

/// A table of an object's members.
fn members(out: &mut String, schema: &Value) -> fmt::Result {
    let parts: Vec<_> = array(&schema["allOf"]).map(shape).collect();
    if !parts.is_empty() {
        return writeln!(out, "The members of {}.", parts.join(" and "));
    }
    out.push_str("| Member | | |\n|---|---|---|\n");
    let required: Vec<_> = array(&schema["required"]).map(text).collect();
    for (name, member) in object(&schema["properties"]) {
        let optional = optional(required.contains(&name.as_str()));
        let about = cell(text(&member["description"]));
        writeln!(out, "| `{name}` | {}{optional} | {about} |", shape(member))?;
    }
    Ok(())
}

fn optional(is_required: bool) -> &'static str {
    if is_required { "" } else { ", may be missing" }
}

/// What ends neither a row nor a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// What a value looks like, in a few words.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix(REFERENCE))
    {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    let mut types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect(),
        one => vec![text(one)],
    };
    let or_null = types.contains(&"null");
    types.retain(|name| *name != "null");
    let mut words = match (
        types.first().copied().unwrap_or("object"),
        schema["format"].as_str(),
    ) {
        ("array", _) => format!("an array, each {}", shape(&schema["items"])),
        ("string", Some("binary")) => "a file".to_owned(),
        ("string", Some(format)) => format!("text, {format}"),
        ("string", None) => "text".to_owned(),
        (name, _) => name.to_owned(),
    };
    words += &bounds(&schema["minLength"], &schema["maxLength"], " characters");
    words += &bounds(&schema["minimum"], &schema["maximum"], "");
    if let Some(default) = schema.get("default") {
        words += ", by default ";
        words += &default.to_string();
    }
    if or_null {
        words += " or null";
    }
    words
}

fn bounds(least: &Value, most: &Value, unit: &str) -> String {
    match (least.as_u64(), most.as_u64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (Some(1), None) if !unit.is_empty() => ", not empty".to_owned(),
        (Some(0) | None, None) => String::new(),
        (Some(least), None) => format!(", at least {least}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
