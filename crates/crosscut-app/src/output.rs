//! [`replace`]: writes a temporary file beside the target and renames it, so that after a crash
//! either the old file or the new one is there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use crate::error::Error;

/// Writes a file as a whole or not at all; `-` is standard output.
///
/// The extension `.gz` (or `.zst`, with the feature `zst`) selects compression. An existing target
/// that is not a regular file (`/dev/stdout`, a named pipe) is written to directly.
///
/// # Errors
/// [`Error::Write`], also for an error that `write` returns; a regular file is then left as it was.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    (match target(path)? {
        Target::StandardOutput => {
            pack(path, io::stdout().lock(), write).or_else(forgive_closed_pipe)
        }
        Target::Stream => {
            File::create(path).and_then(|file| pack(path, file, write)).or_else(forgive_closed_pipe)
        }
        Target::File { file, directory } => replace_file(path, &file, &directory, write),
    })
    .map_err(|source| Error::Write { file: display_name(path), source })
}

/// Checks early whether [`replace`] could work, so that a missing or read-only directory is
/// reported before hours of training, not after.
///
/// # Errors
/// A target that is a directory, that is one of `inputs` (files that are read), or that cannot be
/// created.
pub fn check(path: &Path, inputs: &[&Path]) -> Result<(), Error> {
    let Target::File { file, directory } = target(path)? else { return Ok(()) };
    let refuse = |reason: String| Err(Error::file(display_name(path), reason));
    if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == file)) {
        return refuse("expected another file than one that is read".to_owned());
    }
    match beside(&file, &directory) {
        Ok(_) => Ok(()),
        Err(_) if !directory.exists() => {
            refuse(format!("the directory {} does not exist", directory.display()))
        }
        // The error itself names the temporary file.
        Err(error) => refuse(format!("cannot be written: {}", error.kind())),
    }
}

/// Whether two names denote the same regular file, existing or yet to be written.
pub fn is_same(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| match target(path) {
        Ok(Target::File { file, directory }) => {
            fs::canonicalize(directory).ok().zip(file.file_name().map(ToOwned::to_owned))
        }
        _ => None,
    };
    place(a).is_some_and(|a| place(b) == Some(a))
}

/// A closed pipe is no error: the reader (`| head`) needs no more.
fn forgive_closed_pipe(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

enum Target {
    StandardOutput,
    Stream,
    File { file: PathBuf, directory: PathBuf },
}

fn target(path: &Path) -> Result<Target, Error> {
    if path == Path::new("-") {
        return Ok(Target::StandardOutput);
    }
    if cfg!(not(feature = "zst")) && has_extension(path, "zst") {
        let message = "only a program built with the feature `zst` writes zstd archives";
        return Err(Error::file(display_name(path), message));
    }
    // A symbolic link is followed: the file it names is replaced, not the link.
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(&file) {
        Ok(found) if found.is_dir() => {
            Err(Error::file(display_name(path), "expected a file, found a directory"))
        }
        Ok(found) if !found.is_file() => Ok(Target::Stream),
        _ => {
            let directory = match file.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                _ => PathBuf::from("."),
            };
            Ok(Target::File { file, directory })
        }
    }
}

fn replace_file(
    path: &Path,
    file: &Path,
    directory: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    attempt(Step::Create, 0)?;
    let mut new = beside(file, directory)?;
    pack(path, Attempted(new.as_file_mut()), write)?;
    if let Ok(old) = fs::metadata(file) {
        attempt(Step::Permissions, 0)?;
        new.as_file().set_permissions(old.permissions())?;
    }
    attempt(Step::Sync, 0)?;
    new.as_file().sync_all()?;
    attempt(Step::Rename, 0)?;
    new.persist(file)?;
    // Makes the rename itself survive a power cut; not every file system can promise it.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// A step of writing a file; tests make each one fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Create,
    Write,
    Flush,
    Permissions,
    Sync,
    Rename,
}

/// Called before every step; returns how many bytes of a write to pass on. Tests can make any step
/// fail: see `faults.rs`.
fn attempt(step: Step, bytes: usize) -> io::Result<usize> {
    #[cfg(test)]
    return crate::faults::attempt(step, bytes);
    #[cfg(not(test))]
    {
        let _ = step;
        Ok(bytes)
    }
}

struct Attempted<W>(W);

impl<W: Write> Write for Attempted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let through = attempt(Step::Write, bytes.len())?;
        self.0.write(&bytes[..through])
    }

    fn flush(&mut self) -> io::Result<()> {
        attempt(Step::Flush, 0)?;
        self.0.flush()
    }
}

/// A temporary file with the permissions of any new file; removed unless it is renamed.
fn beside(file: &Path, directory: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = std::ffi::OsString::from(".");
    // A prefix of the name only: with the random letters, the whole must stay within the length
    // limit of file systems.
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    prefix.push(name.chars().take(40).collect::<String>());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask applies to this mode as to any new file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

/// Writes through a buffer and the compression that the extension of `path` selects.
fn pack<W: Write>(
    path: &Path,
    out: W,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    if has_extension(path, "gz") {
        let mut packer = GzEncoder::new(&mut out, flate2::Compression::default());
        write(&mut packer)?;
        packer.finish()?;
    } else if has_extension(path, "zst") {
        #[cfg(feature = "zst")]
        {
            let mut packer = zstd::Encoder::new(&mut out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            write(&mut packer)?;
            packer.finish()?;
        }
    } else {
        write(&mut out)?;
    }
    out.flush()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// The name of a target in messages.
pub fn display_name(path: &Path) -> String {
    if path == Path::new("-") { "standard output".to_owned() } else { path.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("model");
        replace(&path, |out| out.write_all(b"old")).unwrap();
        let error = replace(&path, |out| {
            out.write_all(b"half of the n")?;
            Err(io::Error::other("disk full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("model: cannot be written: disk full"), "{error}");
        assert!(!error.is_bad_input());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        replace(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(home.path()), ["model"]);
    }

    #[test]
    fn the_check_finds_what_would_fail_and_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        check(&home.path().join("model"), &[]).unwrap();
        check(Path::new("-"), &[]).unwrap();
        assert!(names(home.path()).is_empty());
        let missing = check(&home.path().join("no/model"), &[]).unwrap_err();
        assert!(
            missing.to_string().contains("does not exist") && missing.is_bad_input(),
            "{missing}"
        );
        let directory = check(home.path(), &[]).unwrap_err();
        assert!(
            directory.to_string().contains("found a directory") && directory.is_bad_input(),
            "{directory}"
        );
        let file = home.path().join("file");
        fs::write(&file, "x").unwrap();
        let below = check(&file.join("model"), &[]).unwrap_err();
        assert!(
            below.to_string().ends_with("model: cannot be written: not a directory"),
            "{below}"
        );
        let same = check(&home.path().join("./file"), &[Path::new("no"), &file]).unwrap_err();
        assert!(
            same.to_string().contains("another file than one that is read") && same.is_bad_input(),
            "{same}"
        );
        assert_eq!(names(home.path()), ["file"]);
    }

    #[test]
    fn a_name_that_ends_in_gz_is_compressed_with_equal_bytes_each_time() {
        let home = tempfile::tempdir().unwrap();
        let (one, two) = (home.path().join("a.gz"), home.path().join("b.gz"));
        for path in [&one, &two] {
            replace(path, |out| out.write_all(b"1\n2\n")).unwrap();
        }
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        assert_eq!(crate::source::Source::open(&one, &mut ()).unwrap().text().unwrap(), "1\n2\n");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_a_new_file_and_an_old_one_keeps_its_own() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let home = tempfile::tempdir().unwrap();
        let (plain, path, link) =
            (home.path().join("plain"), home.path().join("model"), home.path().join("link"));
        fs::write(&plain, "").unwrap();
        replace(&path, |out| out.write_all(b"x")).unwrap();
        assert_eq!(mode(&path), mode(&plain));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        replace(&link, |out| out.write_all(b"y")).unwrap();
        assert_eq!(mode(&path), 0o640);
        assert_eq!(fs::read(&path).unwrap(), b"y");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_a_regular_file_is_written_to_directly() {
        let null = Path::new("/dev/null");
        check(null, &[]).unwrap();
        replace(null, |out| out.write_all(b"x")).unwrap();
        assert!(!fs::metadata(null).unwrap().is_file());
    }
}
