//! Completions for shells, and pages for man(1). Both follow from the table of flags.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use crosscut_app::{Error, output};

use crate::{Program, flags};

/// What a shell needs to complete the words of a program.
pub fn completions(program: &Program<'_>, shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut flags::program(program), program.name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The page of the program itself.
pub fn first_page(program: &Program<'_>) -> Result<Vec<u8>, Error> {
    page(&Man::new(command(program)), Path::new("-"))
}

/// Writes the pages of the program, of its verbs, and of each task under a verb into a folder, which
/// is made if there is none. Returns their number.
///
/// # Errors
/// A folder or file that cannot be written.
pub fn write_pages(program: &Program<'_>, folder: &Path) -> Result<usize, Error> {
    fs::create_dir_all(folder)
        .map_err(|source| Error::Write { file: folder.display().to_string(), source })?;
    let mut left = vec![command(program)];
    let mut count = 0;
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().cloned());
        let man = Man::new(command);
        let file = folder.join(man.get_filename());
        let page = page(&man, &file)?;
        output::replace(&file, |out| out.write_all(&page))?;
        count += 1;
    }
    Ok(count)
}

/// The command of a program, with the names that its pages have.
fn command(program: &Program<'_>) -> Command {
    let mut command = flags::program(program).disable_help_subcommand(true);
    command.build();
    command
}

fn page(man: &Man, file: &Path) -> Result<Vec<u8>, Error> {
    let mut page = Vec::new();
    man.render(&mut page)
        .map_err(|source| Error::Write { file: output::display_name(file), source })?;
    Ok(page)
}
