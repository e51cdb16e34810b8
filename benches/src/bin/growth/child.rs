//! [`train`]: a run of the program, with what it used before training and in training, seen from
//! outside.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a run used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Examples, as the program counts them.
    pub examples: f64,
    /// Until training begins.
    pub reading: Phase,
    /// From then on. Its seconds are those that the program tells.
    pub training: Phase,
    pub passes: f64,
}

/// What a part of a run used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phase {
    /// Wall seconds.
    pub seconds: f64,
    /// Seconds of all threads, in the program and in the kernel.
    pub cpu: f64,
    /// The most memory at one time in bytes.
    pub peak: f64,
}

/// Runs `crosscut learn` with `arguments`. The line about the examples on its standard error is
/// where reading ends: all examples are in memory then, and no step has been taken.
///
/// # Errors
/// A program that cannot be run, or fails.
pub fn train(crosscut: &Path, arguments: &[OsString]) -> Result<Used, Box<dyn Error>> {
    let began = Instant::now();
    let mut child = Command::new(crosscut)
        .arg("learn")
        .args(arguments)
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", crosscut.display()))?;
    let process = Process(child.id());
    let stderr = child.stderr.take().ok_or("no standard error")?;
    let stdout = child.stdout.take().ok_or("no standard output")?;
    let is_read = AtomicBool::new(false);
    // What is asked after the end is 0: the largest counts.
    let (mut peak, mut cpu) = (0, 0);
    let mut used = Used::default();
    let printed = thread::scope(|scope| {
        let printed = scope.spawn(move || std::io::read_to_string(stdout));
        let told = scope.spawn(|| until_examples(stderr, process, began, &is_read));
        while !printed.is_finished() {
            if is_read.load(Ordering::Acquire) {
                (peak, cpu) = (peak.max(process.peak()), cpu.max(process.cpu()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        used.reading = told.join().map_err(|_| "the program was not watched")??;
        Ok::<_, Box<dyn Error>>(printed.join().map_err(|_| "the program was not heard")??)
    })?;
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{} {arguments:?}: {status}", crosscut.display()).into());
    }
    let learned: Value = serde_json::from_str(&printed)?;
    let number = |name: &str| learned[name].as_f64().ok_or(format!("no {name} in {printed}"));
    used.passes = number("passes")?;
    used.examples = number("oracle_calls")? / used.passes;
    used.training = Phase {
        seconds: number("seconds")?,
        cpu: ticks(cpu) - used.reading.cpu,
        peak: peak as f64,
    };
    Ok(used)
}

/// What has been used when the program tells how many examples it has read. The rest of what it
/// says is read too, so that it need not wait.
fn until_examples(
    stderr: ChildStderr,
    process: Process,
    began: Instant,
    is_read: &AtomicBool,
) -> Result<Phase, String> {
    let mut lines = BufReader::new(stderr).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next() {
        let line = line.map_err(|error| error.to_string())?;
        if line.contains(" examples, ") && line.contains("C = ") {
            let phase = Phase {
                seconds: began.elapsed().as_secs_f64(),
                cpu: ticks(process.cpu()),
                peak: process.peak() as f64,
            };
            process.forget_peak();
            is_read.store(true, Ordering::Release);
            lines.for_each(drop);
            return Ok(phase);
        }
        said.push(line);
    }
    Err(format!("no examples: {}", said.join("\n")))
}

/// The kernel counts time for programs in hundredths of a second.
fn ticks(count: u64) -> f64 {
    count as f64 / 100.0
}

/// A process by its number.
#[derive(Clone, Copy)]
struct Process(u32);

impl Process {
    fn file(self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0)).unwrap_or_default()
    }

    /// The most memory so far in bytes; 0 after its end.
    fn peak(self) -> u64 {
        let status = self.file("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        1024 * number.unwrap_or(0)
    }

    /// Counts the peak from here.
    fn forget_peak(self) {
        // If it has ended, there is nothing to count.
        let _ = fs::write(format!("/proc/{}/clear_refs", self.0), "5");
    }

    /// Ticks of all its threads, in the program and in the kernel; 0 after its end.
    fn cpu(self) -> u64 {
        let stat = self.file("stat");
        // The name, in parentheses, may have spaces; the state follows it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        let process = Process(std::process::id());
        assert!(process.peak() > 1 << 20);
        let began = Instant::now();
        while process.cpu() == 0 {
            assert!(began.elapsed() < Duration::from_secs(60), "no tick in a minute");
        }
        assert_eq!((Process(u32::MAX).peak(), Process(u32::MAX).cpu()), (0, 0));
    }
}
