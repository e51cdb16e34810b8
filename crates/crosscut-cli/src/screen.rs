//! Progress output for the user: one live line on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crosscut::{C, Flow, Moment, Objective, Progress, Settings};
use crosscut_app::answers::{Figures, figure};
use crosscut_app::{Monitor, Start};
use indicatif::{ProgressBar, ProgressStyle};

use crate::forecast::Forecast;
use crate::interrupt::Interrupt;
use crate::log::Log;

/// Without a live line, a line is printed at least this often.
const SILENCE: Duration = Duration::from_secs(3);

/// Shows progress to the user and writes the log.
pub struct Screen {
    verbosity: u8,
    teller: Teller,
    forecast: Forecast,
    /// The settings of training, for the forecast.
    settings: Settings,
    /// The current round of a cross-validation, as text.
    round: String,
    pub log: Option<Log>,
    /// Listens from the first training run on. Before that, a signal ends the program at once.
    interrupt: Option<Interrupt>,
}

enum Teller {
    /// `-v 0`.
    Nobody,
    /// A terminal: one line that is redrawn, with its own timer.
    Live(ProgressBar),
    /// A pipe or a file: plain lines, at least one every few seconds even if the solver reports
    /// nothing.
    Plain(Plain),
}

struct Plain {
    lines: Option<Sender<Told>>,
    printer: Option<JoinHandle<()>>,
}

enum Told {
    /// A line to print at once.
    Line(String),
    /// The current state, to print if nothing else was printed for a while.
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
            Teller::Plain(Plain::new(SILENCE, print))
        };
        Self {
            verbosity,
            teller,
            forecast: Forecast::default(),
            settings: Settings::default(),
            round: String::new(),
            log,
            interrupt: None,
        }
    }

    /// Prints a permanent line.
    pub fn line(&self, line: impl Into<String>) {
        match &self.teller {
            Teller::Nobody => {}
            Teller::Live(bar) => bar.println(line.into()),
            Teller::Plain(plain) => plain.send(Told::Line(line.into())),
        }
    }

    /// Shows the current state.
    fn state(&self, state: String) {
        match &self.teller {
            Teller::Nobody => {}
            Teller::Live(bar) => bar.set_message(state),
            Teller::Plain(plain) => plain.send(Told::State(state)),
        }
    }

    /// Removes the live line; later output is permanent.
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
        self.listen();
        self.forecast = Forecast::new(&self.settings, start.c_mean);
        if let Some(log) = &mut self.log {
            log.start(start);
        }
        let sizes: String =
            start.sizes.iter().map(|(name, size)| format!(", {size} {name}")).collect();
        // The hinge loss needs no mention.
        let objective = match start.objective {
            Objective::Hinge => "",
            Objective::Log => "objective log, ",
        };
        self.round = start.round.map_or(String::new(), |round| {
            let (name, value) = convention(round.c);
            format!("fold {} of {}, {name} {}: ", round.fold + 1, round.folds, figure(value))
        });
        if start.round.is_none() || self.verbosity >= 2 {
            self.line(format!(
                "{}{}: {} examples{sizes}; {objective}C = {} (--c-sum {})",
                self.round,
                start.task,
                start.examples,
                figure(start.c_mean),
                figure(start.c_sum)
            ));
        }
        if self.verbosity >= 3 {
            self.line(format!("solver {}, {} weights", start.solver.name(), start.dim));
        }
        self.state(format!("{}the first oracles are called", self.round));
    }

    fn progress(&mut self, progress: &Progress) -> Flow {
        if let Some(log) = &mut self.log {
            log.progress(progress);
        }
        let left = self.forecast.seconds_left(progress);
        let state = self.round.clone() + &describe(progress, left);
        match progress.moment {
            Moment::Pass if self.verbosity >= 2 => self.line(state),
            Moment::End(_) => {}
            _ => self.state(state),
        }
        match self.interrupted() {
            Some(_) => Flow::Break(()),
            None => Flow::Continue(()),
        }
    }

    fn note(&mut self, message: &str) {
        self.line(message);
    }
}

/// The figures of a pass, in one line, the most important first: a terminal may be narrow.
fn describe(progress: &Progress, left: Option<f64>) -> String {
    let left = left.map_or(String::new(), |seconds| format!(", about {} left", duration(seconds)));
    let bounds = match Figures::new(progress.into(), &progress.oracle, progress.estimate) {
        Some(Figures { primal, dual, gap }) => format!("gap {gap}, primal {primal}, dual {dual}"),
        None => "no gap yet".to_owned(),
    };
    format!(
        "pass {:.1}, {}{left}: {bounds}, {} planes",
        progress.passes,
        duration(progress.seconds),
        progress.planes
    )
}

/// The flag for the convention of C, and the value of C under it.
pub fn convention(c: C) -> (&'static str, f64) {
    match c {
        C::Mean(c) => ("-c", c),
        C::Sum(c) => ("--c-sum", c),
    }
}

/// A size in the units of `--max-memory`.
pub fn size(bytes: usize) -> String {
    let bytes = bytes as f64;
    match bytes {
        1e9.. => format!("{:.2} GB", bytes / 1e9),
        1e6.. => format!("{:.1} MB", bytes / 1e6),
        1e3.. => format!("{:.1} KB", bytes / 1e3),
        _ => format!("{bytes} bytes"),
    }
}

/// A time in seconds, minutes or hours.
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

impl Screen {
    /// Begins to record signals. If the system refuses, they end the program as before.
    pub fn listen(&mut self) {
        if self.interrupt.is_none() {
            self.interrupt = Interrupt::listen().ok();
        }
    }

    /// The exit code for the signal that stopped training, if there was one.
    pub fn interrupted(&self) -> Option<u8> {
        self.interrupt.as_ref().and_then(Interrupt::exit_code)
    }

    /// Sets the settings of training, for the estimate of the time left.
    pub fn aim(&mut self, settings: &Settings) {
        self.settings = *settings;
    }
}

impl Plain {
    /// Prints every line at once, and the state (or `working`) if nothing was printed for
    /// `silence`.
    fn new(silence: Duration, mut print: impl FnMut(&str) + Send + 'static) -> Self {
        let (lines, told) = channel();
        let printer = std::thread::spawn(move || {
            // The state, the time it was set, and whether it was printed already.
            let mut state: Option<(String, Instant, bool)> = None;
            let mut printed = Instant::now();
            loop {
                match told.recv_timeout(silence.saturating_sub(printed.elapsed())) {
                    Ok(Told::Line(line)) => {
                        print(&line);
                        (state, printed) = (None, Instant::now());
                    }
                    Ok(Told::State(line)) => state = Some((line, Instant::now(), false)),
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                if printed.elapsed() >= silence {
                    match &mut state {
                        Some((line, since, true)) => {
                            print(&format!(
                                "{line}  ({} ago, still working)",
                                duration(since.elapsed().as_secs_f64())
                            ));
                        }
                        Some((line, _, shown)) => {
                            print(line);
                            *shown = true;
                        }
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
            // The printer ends only when this sender is dropped.
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

/// Prints a line at once, since several ranks may print on one standard error. If that is closed, the
/// failure cannot be reported anywhere.
fn print(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Prints an error in the format common to all errors.
pub fn complain(program: &str, message: &str) {
    print(&format!("{program}: {message}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_seven_digits() {
        assert_eq!(figure(1_807.226_61), "1807.227");
        assert_eq!(figure(120.0), "120");
        assert_eq!(figure(0.001), "0.001");
        assert_eq!(figure(0.0), "0");
        assert_eq!(figure(1e12), "1.000000e12");
        assert_eq!(figure(-2.5), "-2.5");
    }

    #[test]
    fn nothing_is_silent_for_long() {
        let silence = Duration::from_millis(30);
        let (printed, lines) = channel();
        let mut plain = Plain::new(silence, move |line| {
            printed.send((line.to_owned(), Instant::now())).unwrap()
        });
        let next = || lines.recv_timeout(Duration::from_secs(10)).unwrap();
        // Nothing is known yet; then there is a state, and later the same state again.
        let (line, first) = next();
        assert_eq!(line, "working");
        plain.send(Told::State("reading".to_owned()));
        let (line, second) = next();
        assert!(line == "reading" && second - first >= silence, "{line}");
        let (line, _) = next();
        assert!(line.starts_with("reading  (") && line.ends_with(" ago, still working)"), "{line}");
        // A line is printed at once and clears the state before it.
        plain.send(Told::Line("header".to_owned()));
        while next().0 != "header" {}
        assert_eq!(next().0, "working");
        plain.send(Told::Line("end".to_owned()));
        plain.finish();
        assert_eq!(lines.iter().last().unwrap().0, "end");
    }
}
