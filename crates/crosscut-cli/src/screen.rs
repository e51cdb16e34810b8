//! What a person sees while the program works: one live line on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crosscut::{Flow, Moment, Progress};
use crosscut_app::{Monitor, Start};
use indicatif::{ProgressBar, ProgressStyle};

use crate::log::Log;

/// Where nothing is live, a line is printed at least this often.
const SILENCE: Duration = Duration::from_secs(3);

/// Tells a person what is going on, and writes the log.
pub struct Screen {
    verbosity: u8,
    teller: Teller,
    forecast: Forecast,
    pub log: Option<Log>,
}

enum Teller {
    /// `-v 0`.
    Nobody,
    /// A terminal: a line that is redrawn, with a clock of its own.
    Live(ProgressBar),
    /// A pipe or a file: plain lines, at least one every few seconds, whatever the solver does.
    Plain(Plain),
}

struct Plain {
    lines: Option<Sender<Told>>,
    printer: Option<JoinHandle<()>>,
}

enum Told {
    /// Print this.
    Line(String),
    /// This is how things stand: print it if nothing else was for a while.
    State(String),
}

impl Screen {
    pub fn new(verbosity: u8, log: Option<Log>) -> Self {
        let teller = if verbosity == 0 {
            Teller::Nobody
        } else if io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            Teller::Live(bar)
        } else {
            Teller::Plain(Plain::new())
        };
        Self { verbosity, teller, forecast: Forecast::default(), log }
    }

    /// Prints a line that stays.
    pub fn line(&self, line: impl Into<String>) {
        match &self.teller {
            Teller::Nobody => {}
            Teller::Live(bar) => bar.println(line.into()),
            Teller::Plain(plain) => plain.send(Told::Line(line.into())),
        }
    }

    /// Shows how things stand.
    fn state(&self, state: String) {
        match &self.teller {
            Teller::Nobody => {}
            Teller::Live(bar) => bar.set_message(state),
            Teller::Plain(plain) => plain.send(Told::State(state)),
        }
    }

    /// Ends the live line; what is printed afterwards stays where it is.
    pub fn finish(&mut self) {
        match &mut self.teller {
            Teller::Nobody => {}
            Teller::Live(bar) => bar.finish_and_clear(),
            Teller::Plain(plain) => plain.finish(),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Monitor for Screen {
    fn reading(&mut self, file: &str, bytes: u64) {
        self.state(format!("reading {file}: {:.0} MB", bytes as f64 / 1e6));
    }

    fn start(&mut self, start: &Start) {
        self.forecast = Forecast::default();
        if let Some(log) = &mut self.log {
            log.start(start);
        }
        let sizes: Vec<String> = start.sizes.iter().map(|(name, size)| format!("{size} {name}")).collect();
        let round = start.round.map_or(String::new(), |round| format!("fold {} of {}: ", round.fold + 1, round.folds));
        let what = format!(
            "{round}{}: {} examples, {}; C = {} (--c-sum {})",
            start.task,
            start.examples,
            sizes.join(", "),
            figure(start.c_mean),
            figure(start.c_sum)
        );
        if start.round.is_none() || self.verbosity >= 2 {
            self.line(what);
        } else {
            self.state(what);
        }
        if self.verbosity >= 3 {
            self.line(format!("solver {}, {} weights", start.solver.name(), start.dim));
        }
    }

    fn progress(&mut self, progress: &Progress) -> Flow {
        if let Some(log) = &mut self.log {
            log.progress(progress);
        }
        let left = self.forecast.seconds_left(progress);
        let state = describe(progress, left);
        match progress.moment {
            Moment::Pass if self.verbosity >= 2 => self.line(state),
            Moment::End(_) => {}
            _ => self.state(state),
        }
        Flow::Continue(())
    }

    fn note(&mut self, message: &str) {
        self.line(message);
    }
}

/// One line of figures.
fn describe(progress: &Progress, left: Option<f64>) -> String {
    let certificate = if progress.primal.is_finite() {
        format!("primal {}  dual {}  gap {:.1e}", figure(progress.primal), figure(progress.dual), progress.relative_gap())
    } else {
        format!("primal -  dual {}  gap -", figure(progress.dual))
    };
    let left = left.map_or(String::new(), |seconds| format!("  about {} left", duration(seconds)));
    format!(
        "pass {:.1}  {certificate}  planes {}  {}{left}",
        progress.passes,
        progress.planes,
        duration(progress.seconds)
    )
}

/// Seven significant digits, without trailing zeros.
pub fn figure(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:.6e}");
    }
    let digits = (6 - value.abs().max(1e-4).log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Seconds, minutes or hours.
pub fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

/// Guesses the time left from how fast the logarithm of the gap has fallen.
#[derive(Default)]
struct Forecast {
    /// Seconds and relative gap at the first and the latest improvement.
    seen: Option<[(f64, f64); 2]>,
    target: f64,
}

impl Forecast {
    fn aim(&mut self, target: f64) {
        self.target = target;
    }

    fn seconds_left(&mut self, progress: &Progress) -> Option<f64> {
        let now = (progress.seconds, progress.relative_gap());
        if !now.1.is_finite() || now.1 <= 0.0 {
            return None;
        }
        let [first, last] = self.seen.get_or_insert([now, now]);
        if now.1 < last.1 {
            *last = now;
        }
        let (fallen, target) = ((first.1 / last.1).ln(), self.target);
        if fallen <= 0.0 || target <= 0.0 || last.1 <= target {
            return None;
        }
        let rate = fallen / (last.0 - first.0).max(1e-9);
        Some(((last.1 / target).ln() / rate - (now.0 - last.0)).max(0.0))
    }
}

impl Screen {
    /// The relative gap that ends training, for the time left.
    pub fn aim(&mut self, relative_gap: f64) {
        self.forecast.aim(relative_gap);
    }
}

impl Plain {
    fn new() -> Self {
        let (lines, told) = channel();
        let printer = std::thread::spawn(move || {
            let mut state: Option<(String, Instant)> = None;
            let mut printed = Instant::now();
            loop {
                match told.recv_timeout(SILENCE.saturating_sub(printed.elapsed())) {
                    Ok(Told::Line(line)) => {
                        print(&line);
                        (state, printed) = (None, Instant::now());
                    }
                    Ok(Told::State(line)) => state = Some((line, Instant::now())),
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                if printed.elapsed() >= SILENCE {
                    match &state {
                        Some((line, since)) if since.elapsed() >= SILENCE => {
                            print(&format!("{line}  (still working, {} ago)", duration(since.elapsed().as_secs_f64())));
                        }
                        Some((line, _)) => print(line),
                        None => print("working"),
                    }
                    printed = Instant::now();
                }
            }
        });
        Self { lines: Some(lines), printer: Some(printer) }
    }

    fn send(&self, told: Told) {
        if let Some(lines) = &self.lines {
            // The printer ends only when this end is dropped.
            let _ = lines.send(told);
        }
    }

    fn finish(&mut self) {
        self.lines = None;
        if let Some(printer) = self.printer.take() {
            let _ = printer.join();
        }
    }
}

/// Nobody is left to tell when standard error is closed.
fn print(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints an error the way every error is printed.
pub fn complain(program: &str, message: &str) {
    print(&format!("{program}: {message}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_seven_digits() {
        assert_eq!(figure(1807.226_61), "1807.227");
        assert_eq!(figure(120.0), "120");
        assert_eq!(figure(0.001), "0.001");
        assert_eq!(figure(0.0), "0");
        assert_eq!(figure(1e12), "1.000000e12");
        assert_eq!(figure(-2.5), "-2.5");
    }

    #[test]
    fn the_time_left_follows_the_logarithm_of_the_gap() {
        let mut forecast = Forecast::default();
        forecast.aim(1e-3);
        let at = |seconds, primal| Progress {
            moment: Moment::Pass,
            passes: 1.0,
            oracle_calls: 1,
            primal,
            dual: 0.0,
            planes: 0,
            seconds,
            oracle_seconds: 0.0,
        };
        assert_eq!(forecast.seconds_left(&at(0.0, 1.0)), None);
        let left = forecast.seconds_left(&at(1.0, 0.1)).unwrap();
        assert!((left - 2.0).abs() < 1e-9, "{left}");
    }
}
