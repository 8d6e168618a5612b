//! Asks a server one thing, without a client library.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends one command and gives its answer as text: the items of a list one per line, nothing for
/// nil, and an error of the server as an error.
pub(super) fn ask(port: u16, words: &[&str]) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut command = Vec::new();
    write!(command, "*{}\r\n", words.len())?;
    for word in words {
        write!(command, "${}\r\n{word}\r\n", word.len())?;
    }
    stream.write_all(&command)?;
    let mut lines = Vec::new();
    read(&mut BufReader::new(stream), &mut lines)?;
    Ok(lines.join("\n"))
}

fn read(stream: &mut BufReader<TcpStream>, lines: &mut Vec<String>) -> io::Result<()> {
    let mut head = String::new();
    stream.read_line(&mut head)?;
    let head = head.trim_end();
    let (kind, rest) = head.split_at_checked(1).ok_or_else(|| wrong(head))?;
    match kind {
        "+" | ":" => lines.push(rest.to_owned()),
        "-" => return Err(wrong(rest)),
        "$" => {
            let length: i64 = rest.parse().map_err(|_| wrong(head))?;
            if let Ok(length) = usize::try_from(length) {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes)?;
                lines.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
            }
        }
        "*" => {
            let length: i64 = rest.parse().map_err(|_| wrong(head))?;
            for _ in 0..length {
                read(stream, lines)?;
            }
        }
        _ => return Err(wrong(head)),
    }
    Ok(())
}

fn wrong(answer: &str) -> io::Error {
    io::Error::other(format!("the server answered {answer:?}"))
}
