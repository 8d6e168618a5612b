//! A server on the loopback interface that answers as badly as a test wants.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::Instant,
};

#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A document that has no end and no stated length.
    Endless,
    /// Status 200.
    Json(String),
    /// These bytes.
    Raw(&'static str),
    /// Nothing, on an open connection.
    Silence,
    /// The start of a document, then silence.
    Stall,
}

/// Listens until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    /// When each request came.
    requests: watch::Receiver<Vec<Instant>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(answer: Answer) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), answer).await
    }

    async fn start_at(address: SocketAddr, answer: Answer) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(answer));
        let (log, requests) = watch::channel(Vec::new());
        Self {
            address,
            answer: answer.clone(),
            requests,
            task: tokio::spawn(serve(listener, answer, log)),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    pub(super) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn requests(&self) -> Vec<Instant> {
        self.requests.borrow().clone()
    }

    /// Returns once `count` requests have come in all.
    pub(super) async fn asked(&self, count: usize) {
        let mut requests = self.requests.clone();
        requests.wait_for(|all| all.len() >= count).await.unwrap();
    }

    /// Closes the port.
    pub(super) async fn stop(&mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }

    /// Opens the port again.
    pub(super) async fn restart(&mut self, answer: Answer) {
        *self = Self::start_at(self.address, answer).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    answer: Arc<Mutex<Answer>>,
    log: watch::Sender<Vec<Instant>>,
) {
    let mut silent = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let answer = answer.lock().unwrap().clone();
        log.send_modify(|all| all.push(Instant::now()));
        match answer {
            Answer::Endless => flood(&mut stream).await,
            Answer::Json(document) => {
                let length = document.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                send(&mut stream, &(head + &document)).await;
            }
            Answer::Raw(bytes) => send(&mut stream, bytes).await,
            Answer::Silence => silent.push(stream),
            Answer::Stall => {
                send(&mut stream, "HTTP/1.1 200 OK\r\n\r\n{\"keys\":").await;
                silent.push(stream);
            }
        }
    }
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("GET /jwks.json HTTP/1.1\r\n"), "{head}");
    assert!(
        !head.contains("cookie") && !head.contains("referer"),
        "{head}"
    );
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Writes until the client has had enough.
async fn flood(stream: &mut TcpStream) {
    send(stream, "HTTP/1.1 200 OK\r\n\r\n").await;
    while stream.write_all(&[b' '; 16 * 1024]).await.is_ok() {}
}
