//! What variants take: `variants-bench make FILE [FOLDER]` says time, memory and sizes, each in a process of its own;
//! `variants-bench ssim REFERENCE FILE…` how alike pictures are; `variants-bench none` what an empty process takes.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use image::GrayImage;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use variants::Format;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["none"] => report(0.0, &[]),
        ["make", file] => make(file, None),
        ["make", file, folder] => make(file, Some(folder)),
        ["ssim", reference, files @ ..] => ssims(reference, files),
        _ => Err("see the first lines of the source".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make(file: &str, folder: Option<&str>) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let variants = variants::variants(fs::read(file)?.into())?;
    let wall = start.elapsed().as_secs_f64() * 1e3;
    let mut sizes = Vec::new();
    for variant in variants {
        let format = match variant.format {
            Format::Jpeg => "jpeg",
            Format::Webp => "webp",
        };
        let name = format!("{}.{format}", variant.target);
        sizes.push((name.clone(), variant.bytes.len()));
        if let Some(folder) = folder {
            fs::write(Path::new(folder).join(name), variant.bytes)?;
        }
    }
    report(wall, &sizes)
}

/// One line of JSON.
fn report(wall: f64, sizes: &[(String, usize)]) -> Result<(), Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let cpu = (usage.user_time() + usage.system_time()).num_microseconds();
    let sizes: Vec<String> = sizes
        .iter()
        .map(|(name, size)| format!("\"{name}\":{size}"))
        .collect();
    println!(
        "{{\"wall_ms\":{wall:.1},\"cpu_ms\":{},\"peak_kb\":{},\"sizes\":{{{}}}}}",
        cpu / 1000,
        usage.max_rss(),
        sizes.join(",")
    );
    Ok(())
}

fn ssims(reference: &str, files: &[&str]) -> Result<(), Box<dyn Error>> {
    let open = |path: &str| -> Result<GrayImage, Box<dyn Error>> {
        Ok(image::load_from_memory(&fs::read(path)?)?.into_luma8())
    };
    let reference = open(reference)?;
    for file in files {
        println!(
            "{:.5}",
            ssim(&reference, &open(file)?).ok_or("another size")?
        );
    }
    Ok(())
}

/// The mean structural similarity (Wang et al., 2004) of brightness in windows of 8 by 8 that overlap by half.
fn ssim(one: &GrayImage, two: &GrayImage) -> Option<f64> {
    if one.dimensions() != two.dimensions() {
        return None;
    }
    let (c1, c2) = ((0.01 * 255.0_f64).powi(2), (0.03 * 255.0_f64).powi(2));
    let (width, height) = one.dimensions();
    let (mut sum, mut count) = (0.0, 0.0);
    for top in (0..=height.saturating_sub(8)).step_by(4) {
        for left in (0..=width.saturating_sub(8)).step_by(4) {
            let [mut a, mut b, mut aa, mut bb, mut ab] = [0.0; 5];
            let mut pixels = 0.0;
            for y in top..height.min(top + 8) {
                for x in left..width.min(left + 8) {
                    let p = f64::from(one.get_pixel(x, y).0[0]);
                    let q = f64::from(two.get_pixel(x, y).0[0]);
                    a += p;
                    b += q;
                    aa += p * p;
                    bb += q * q;
                    ab += p * q;
                    pixels += 1.0;
                }
            }
            let (a, b) = (a / pixels, b / pixels);
            let (va, vb) = (aa / pixels - a * a, bb / pixels - b * b);
            let covariance = ab / pixels - a * b;
            sum += (2.0 * a * b + c1) * (2.0 * covariance + c2)
                / ((a * a + b * b + c1) * (va + vb + c2));
            count += 1.0;
        }
    }
    Some(sum / count)
}
