//! The progress display on standard error: a bar on a terminal, otherwise a line after each tenth of the steps.

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{bar:30} {pos}/{len} {msg} ({elapsed}, {eta} left)";

/// The progress display of a measurement. Drop removes the bar.
pub struct Progress(ProgressBar);

impl Progress {
    /// Starts a progress display for a measurement of `steps` steps.
    pub fn new(steps: u64) -> Self {
        let bar = ProgressBar::new(steps);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Counts a step and displays `message`, which describes the step.
    pub fn step(&self, message: &str) {
        let (before, steps) = (self.0.position(), self.0.length().unwrap_or(1).max(1));
        if self.0.is_hidden() && before * 10 / steps != (before + 1) * 10 / steps {
            let seconds = self.0.elapsed().as_secs();
            eprintln!("{}/{steps} {message} ({seconds} s)", before + 1);
        }
        self.0.set_message(message.to_owned());
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
