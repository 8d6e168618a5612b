//! The program: reads the command line, serves, and says in one line why it cannot.

use std::process::ExitCode;

use portcullis_chat::{
    config::{Args, Asked, ConfigError, Settings},
    start,
};

/// The exit code of a setting that is refused, as clap has it.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(REFUSED)
        }
    }
}

fn run() -> Result<(), ConfigError> {
    let args = match Args::read(std::env::args_os())? {
        Asked::Serve(args) => args,
        Asked::Print(text) => {
            print!("{text}");
            return Ok(());
        }
    };
    let settings = Settings::from_args(*args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ConfigError::new(format!("the async runtime cannot start: {error}")))?;
    runtime.block_on(start::run(settings))
}
