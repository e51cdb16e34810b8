//! [`replace`]: writes a temporary file beside the target and renames it, so that after a crash
//! either the old file or the new one is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use crate::error::Error;

/// Writes a file as a whole or not at all; `-` is standard output.
///
/// The extension `.gz` (or `.zst`, with the feature `zst`) selects compression. Symbolic links are
/// followed as open(2) follows them, and stay links. A descriptor of this process (`/dev/stdout`,
/// `/dev/fd/3`) is written to after what is there already, and any other target that is not a
/// regular file (a named pipe) directly. A file that cannot be renamed over (a mount point, a file
/// in a directory of others) is written in place.
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
        Target::StandardError => {
            pack(path, io::stderr().lock(), write).or_else(forgive_closed_pipe)
        }
        Target::Stream { file, append } => OpenOptions::new()
            .write(true)
            .append(append)
            .open(file)
            .and_then(|file| pack(path, file, write))
            .or_else(forgive_closed_pipe),
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
    if inputs.iter().any(|input| is_same(path, input)) {
        let message = "expected another file than one that is read";
        return Err(Error::file(display_name(path), message));
    }
    match beside(&file, &directory) {
        Ok(new) if !can_rename(&new, &file, &directory) => writable(&file),
        // A file in a directory that is read-only.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            writable(&file).map_err(|_| error)
        }
        made => made.map(drop),
    }
    .map_err(|error| match directory.exists() {
        true => unwritable(path, &error),
        false => {
            let message = format!("the directory {} does not exist", directory.display());
            Error::file(display_name(path), message)
        }
    })
}

/// Creates or empties a file that is written line by line, such as a log; `-` is standard output.
/// Links and descriptors are treated as by [`replace`].
///
/// # Errors
/// Those of [`check`] without inputs; [`Error::Write`].
pub fn create(path: &Path) -> Result<Box<dyn Write>, Error> {
    let (file, append) = match target(path)? {
        Target::StandardOutput => return Ok(Box::new(io::stdout())),
        Target::StandardError => return Ok(Box::new(io::stderr())),
        Target::Stream { file, append } => (file, append),
        Target::File { file, .. } => (file, false),
    };
    let mut how = OpenOptions::new();
    how.write(true).append(append).create(!append).truncate(!append);
    match how.open(file) {
        Ok(file) => Ok(Box::new(file)),
        Err(source) => Err(Error::Write { file: display_name(path), source }),
    }
}

/// Lets `write` write answers that are read while it works; it flushes whatever is to be read. `-` is
/// standard output. A regular file is emptied first. Links and descriptors are treated as by
/// [`replace`].
///
/// # Errors
/// A name that asks for compression; [`Error::Write`], also for an error that `write` returns.
pub fn serve(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    if has_extension(path, "gz") || has_extension(path, "zst") {
        let message = "expected a name without .gz or .zst, since --flush writes plain text";
        return Err(Error::file(display_name(path), message));
    }
    let mut out = BufWriter::new(create(path)?);
    write(&mut out)
        .and_then(|()| out.flush())
        .or_else(forgive_closed_pipe)
        .map_err(|source| Error::Write { file: display_name(path), source })
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

/// Refuses two outputs that are one file; each has the name of its argument.
///
/// # Errors
/// [`Error::File`] with both names.
pub fn check_distinct(outputs: &[(&str, &Path)]) -> Result<(), Error> {
    for (at, (name, path)) in outputs.iter().enumerate() {
        if let Some((other, _)) = outputs[..at].iter().find(|(_, other)| is_same(path, other)) {
            let message = format!("{other} and {name} cannot both use one file");
            return Err(Error::file(display_name(path), message));
        }
    }
    Ok(())
}

/// A closed pipe is no error: the reader (`| head`) needs no more.
fn forgive_closed_pipe(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    // The text of the system's errors may name a temporary file.
    let reason = match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    };
    Error::file(display_name(path), format!("cannot be written: {reason}"))
}

enum Target {
    StandardOutput,
    StandardError,
    /// Not a regular file, or an open one.
    Stream {
        file: PathBuf,
        append: bool,
    },
    File {
        file: PathBuf,
        directory: PathBuf,
    },
}

fn target(path: &Path) -> Result<Target, Error> {
    let refuse = |reason: &str| Err(Error::file(display_name(path), reason));
    if path == Path::new("-") {
        return Ok(Target::StandardOutput);
    }
    if cfg!(not(feature = "zst")) && has_extension(path, "zst") {
        return refuse("only a program built with the feature `zst` writes zstd archives");
    }
    for (extension, kind) in [("bz2", "bzip2"), ("xz", "xz"), ("lzma", "lzma")] {
        if has_extension(path, extension) {
            return refuse(&format!(
                "{kind} archives are read, not written: expected a name that ends with .gz, or no archive"
            ));
        }
    }
    let file = match follow(path).map_err(|error| unwritable(path, &error))? {
        Place::Descriptor(1, _) => return Ok(Target::StandardOutput),
        Place::Descriptor(2, _) => return Ok(Target::StandardError),
        Place::Descriptor(_, file) => return Ok(Target::Stream { file, append: true }),
        Place::Name(file) => file,
    };
    match fs::metadata(&file) {
        Ok(found) if found.is_dir() => return refuse("expected a file, found a directory"),
        Ok(found) if !found.is_file() => return Ok(Target::Stream { file, append: false }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(unwritable(path, &error));
        }
        _ => {}
    }
    if path.as_os_str().to_string_lossy().ends_with(std::path::is_separator) {
        return refuse("expected a file, found the name of a directory");
    }
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok(Target::File { file, directory })
}

/// Where symbolic links lead.
enum Place {
    /// A descriptor of this process, and its name.
    Descriptor(u32, PathBuf),
    /// A name that is not a link, and need not exist.
    Name(PathBuf),
}

/// Follows symbolic links as open(2) does. Their last target need not exist.
fn follow(path: &Path) -> io::Result<Place> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    // Where the system lists the open files of a process.
    let descriptors = fs::canonicalize("/proc/self/fd");
    let mut file = path.to_owned();
    for _ in 0..=MOST_LINKS {
        let parent = file.parent().unwrap_or(Path::new(""));
        let number = file.file_name().and_then(|name| name.to_str()?.parse().ok());
        if let (Some(number), Ok(descriptors)) = (number, &descriptors)
            && fs::canonicalize(parent).is_ok_and(|parent| parent == *descriptors)
        {
            return Ok(Place::Descriptor(number, file));
        }
        match fs::read_link(&file) {
            Ok(link) => file = parent.join(link),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::Name(file)),
            // Not a link.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Ok(Place::Name(file));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Whether an existing file can be opened to be written in place.
fn writable(file: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(file).map(drop)
}

/// Whether a new file can be renamed over an old one in the same directory: only the owner of a
/// file may do so in a directory whose sticky bit is set.
#[cfg(unix)]
fn can_rename(new: &NamedTempFile, old: &Path, directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let (Ok(new), Ok(old), Ok(directory)) =
        (new.as_file().metadata(), fs::metadata(old), fs::metadata(directory))
    else {
        return true;
    };
    directory.mode() & STICKY == 0 || [0, old.uid(), directory.uid()].contains(&new.uid())
}

#[cfg(not(unix))]
fn can_rename(_: &NamedTempFile, _: &Path, _: &Path) -> bool {
    true
}

fn replace_file(
    path: &Path,
    file: &Path,
    directory: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ResourceBusy};
    attempt(Step::Create, 0)?;
    let mut new = match beside(file, directory) {
        Err(error) if error.kind() == PermissionDenied && file.exists() => {
            let mut new = tempfile::tempfile()?;
            pack(path, Attempted(&mut new), write)?;
            return write_in_place(&mut new, file);
        }
        new => new?,
    };
    pack(path, Attempted(new.as_file_mut()), write)?;
    if let Ok(old) = fs::metadata(file) {
        attempt(Step::Permissions, 0)?;
        new.as_file().set_permissions(old.permissions())?;
    }
    attempt(Step::Sync, 0)?;
    new.as_file().sync_all()?;
    attempt(Step::Rename, 0)?;
    if let Err(mut refused) = new.persist(file) {
        return match refused.error.kind() {
            ResourceBusy | PermissionDenied | CrossesDevices if file.exists() => {
                write_in_place(refused.file.as_file_mut(), file)
            }
            _ => Err(refused.error),
        };
    }
    // Makes the rename itself survive a power cut; not every file system can promise it.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// Copies a finished file over an old one that cannot be renamed over.
fn write_in_place(new: &mut File, file: &Path) -> io::Result<()> {
    new.rewind()?;
    let mut old = OpenOptions::new().write(true).truncate(true).open(file)?;
    io::copy(new, &mut old)?;
    old.sync_all()
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
    fn links_are_followed_as_far_as_they_lead() {
        use std::os::unix::fs::symlink;
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("store")).unwrap();
        // Each link is relative to its own folder; the last target does not exist yet.
        symlink("store/second", at("first")).unwrap();
        symlink("model", at("store/second")).unwrap();
        check(&at("first"), &[]).unwrap();
        replace(&at("first"), |out| out.write_all(b"x")).unwrap();
        assert_eq!(fs::read(at("store/model")).unwrap(), b"x");
        assert!(fs::symlink_metadata(at("first")).unwrap().is_symlink());
        assert!(is_same(&at("first"), &at("store/model")));
        symlink("loop", at("loop")).unwrap();
        symlink("no/model", at("nowhere")).unwrap();
        for (bad, reason) in [("loop", "too many levels"), ("nowhere", "does not exist")] {
            let error = check(&at(bad), &[]).unwrap_err();
            assert!(error.to_string().contains(reason) && error.is_bad_input(), "{error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_descriptor_is_written_to_after_what_is_there() {
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::symlink;
        let home = tempfile::tempdir().unwrap();
        let (path, link) = (home.path().join("both"), home.path().join("link"));
        let mut file = File::create(&path).unwrap();
        file.write_all(b"1\n").unwrap();
        symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), &link).unwrap();
        for name in [link, PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()))] {
            check(&name, &[&path]).unwrap();
            replace(&name, |out| out.write_all(b"2\n")).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"1\n2\n2\n");
    }

    #[test]
    fn names_that_cannot_be_made_are_refused_early() {
        let home = tempfile::tempdir().unwrap();
        for name in ["x".repeat(300), "models/".to_owned(), "a\0b".to_owned()] {
            let error = check(&home.path().join(&name), &[]).unwrap_err();
            assert!(error.is_bad_input(), "{error}");
        }
        assert!(names(home.path()).is_empty());
    }

    #[test]
    fn what_cannot_be_renamed_over_is_written_in_place() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("model");
        fs::write(&path, "an older and longer file").unwrap();
        let mut new = tempfile::tempfile().unwrap();
        new.write_all(b"new").unwrap();
        write_in_place(&mut new, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn outputs_are_different_files() {
        let home = tempfile::tempdir().unwrap();
        let (a, b) = (home.path().join("a"), home.path().join("./a"));
        let error = check_distinct(&[("MODEL", &a), ("--log", &b)]).unwrap_err();
        assert!(error.to_string().contains("MODEL and --log cannot both use one file"), "{error}");
        check_distinct(&[("MODEL", &a), ("--log", Path::new("/dev/null"))]).unwrap();
        check_distinct(&[("MODEL", Path::new("/dev/null")), ("--log", Path::new("/dev/null"))])
            .unwrap();
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
