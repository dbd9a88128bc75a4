//! Renders an image file and reports time and memory, or only decodes the file.
//!
//! `render FILE [FOLDER]` prints one line of JSON: time, CPU time, peak memory, and the error or the
//! file sizes of the renditions. It writes the renditions to FOLDER. `render --decode FILE OUTPUT` writes
//! to OUTPUT the width and height as little-endian `u32`, then the pixels as RGBA.

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use media::Format;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--decode", file, output] => decode(file, output),
        [file] => render(file, None),
        [file, folder] => render(file, Some(Path::new(folder))),
        _ => Err("usage: render FILE [FOLDER] | render --decode FILE OUTPUT".into()),
    }
}

fn decode(file: &str, output: &str) -> Result<(), Box<dyn Error>> {
    let image = media::decode(&fs::read(file)?)?.into_rgba8();
    let (width, height) = image.dimensions();
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    fs::write(output, [size, image.into_raw()].concat())?;
    Ok(())
}

/// Returns the peak memory of this process in kB. `getrusage` may report the peak of the parent process.
fn peak_kb() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.split_once("VmHWM:").and_then(|(_, rest)| rest.split_whitespace().next());
    Ok(peak.ok_or("no peak in /proc/self/status")?.parse()?)
}

fn render(file: &str, folder: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let result = media::render(&fs::read(file)?);
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let cpu = (usage.user_time() + usage.system_time()).num_milliseconds();
    let mut report = serde_json::json!({
        "wall_ms": milliseconds, "cpu_ms": cpu, "peak_kb": peak_kb()?, "sizes": {},
    });
    match result {
        Err(error) => report["error"] = format!("{error:?}").into(),
        Ok(renditions) => {
            for rendition in renditions {
                let extension = match rendition.format {
                    Format::Jpeg => "jpg",
                    Format::WebP => "webp",
                };
                let name = format!("{}.{extension}", rendition.target);
                report["sizes"][&name] = rendition.bytes.len().into();
                if let Some(folder) = folder {
                    fs::write(folder.join(name), rendition.bytes)?;
                }
            }
        }
    }
    println!("{report}");
    Ok(())
}
