//! A rank that dies ends the job, and a checkpoint goes on from there.

use std::fs;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::Home;

const SOON: Duration = Duration::from_secs(30);

/// Waits until something is there.
fn until<R>(what: &str, mut found: impl FnMut() -> Option<R>) -> R {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < SOON, "{what}");
        sleep(Duration::from_millis(2));
    }
}

/// The processes that mpirun has started in the folder of a test, with their numbers of ranks.
fn ranks(home: &Home) -> Vec<(u32, usize)> {
    let folder = home.path("").canonicalize().unwrap();
    let rank = |pid: u32| {
        let path = format!("/proc/{pid}");
        if fs::read_link(format!("{path}/cwd")).ok()? != folder {
            return None;
        }
        let environment = fs::read(format!("{path}/environ")).ok()?;
        // The names of Open MPI, and of others.
        environment.split(|&byte| byte == 0).find_map(|variable| {
            let variable = String::from_utf8_lossy(variable);
            let (name, value) = variable.split_once('=')?;
            let is_rank = ["OMPI_COMM_WORLD_RANK", "PMI_RANK"].contains(&name);
            if is_rank { value.parse().ok() } else { None }
        })
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, rank(pid)?))).collect()
}

/// Kills a rank, and returns the exit code of the job once it has ended.
fn kill(home: &Home, job: &mut Child, killed: usize) -> Option<i32> {
    let all = ranks(home);
    let (pid, _) = all.iter().find(|(_, rank)| *rank == killed).expect("the rank runs");
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success());
    let status = until("the job has not ended", || job.try_wait().unwrap());
    until("a rank has not ended", || ranks(home).is_empty().then_some(()));
    status.code()
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
fn a_rank_that_is_killed_ends_the_job_and_a_checkpoint_goes_on() {
    let home = Home::with_digits();
    let words = ["learn", "multiclass", "--threads", "1", "--c-sum", "1", "--gap", "0"];
    let words = [&words[..], &["--passes", "150"]].concat();
    let learn = |more: &[&'static str], model: &'static str| {
        [&words[..], more, &["digits.svm", model]].concat()
    };
    let Some(whole) = home.run(3, &learn(&[], "whole")) else { return };
    assert_eq!(whole.code, 0, "{whole:?}");
    let keep = ["--checkpoint", "state", "--every", "1"];
    for killed in [1, 2] {
        let _ = fs::remove_file(home.path("state"));
        let mut job = home.start(3, &learn(&keep, "model")).unwrap();
        until("there is no checkpoint", || home.path("state").exists().then_some(()));
        let code = kill(&home, &mut job, killed);
        assert!(code != Some(0), "the job has ended before");
        assert!(!home.path("model").exists());
    }
    // Not with another number of ranks.
    let resume = learn(&["--resume", "state"], "model");
    let refused = home.run(2, &resume).unwrap();
    assert_eq!(refused.code, 2, "{refused:?}");
    let told = "state: the checkpoint was made with 3 ranks, this run has 2 ranks";
    assert!(refused.complaints("crosscut-mpi")[0].ends_with(told), "{refused:?}");

    let resumed = home.run(3, &resume).unwrap();
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert!(resumed.err.contains("going on from pass "), "{resumed:?}");
    let model = |name| fs::read(home.path(name)).unwrap();
    assert!(model("model") == model("whole"), "{resumed:?}");
}
