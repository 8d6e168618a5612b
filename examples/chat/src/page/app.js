// The page of portcullis-chat: log in, talk, see and end sessions.
//
// Every text that came from outside goes through textContent, so the page works where Trusted
// Types allow no policy at all. No token is kept where a later page could find it.

const element = (id) => document.getElementById(id);

/** The CSRF token from the last response that named one, where its cookie cannot be read. */
let csrfToken = "";

/** The access token, when the service delivers it in bodies and not as a cookie. */
let accessToken = "";

/** The refresh under way, shared by all requests that wait for it. */
let refreshing = null;

/** A refusal that the user can read. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// --- Requests -----------------------------------------------------------------------------------

function cookie(name) {
  const pair = document.cookie.split("; ").find((text) => text.startsWith(`${name}=`));
  return pair ? pair.slice(name.length + 1) : "";
}

function currentCsrfToken() {
  return cookie("__Host-csrftoken") || cookie("csrftoken") || csrfToken;
}

async function fetchCsrfToken() {
  const response = await fetch("/api/csrf/", { headers: { Accept: "application/json" } });
  await read(response);
}

/** Sends one request, with the CSRF token when it changes something. */
async function send(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") {
    if (!currentCsrfToken()) await fetchCsrfToken();
    headers["X-CSRFToken"] = currentCsrfToken();
  }
  if (accessToken) headers.Authorization = `Bearer ${accessToken}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : JSON.stringify(body);
  try {
    return await fetch(path, { method, headers, body: text });
  } catch {
    throw new Refused(0, "The service cannot be reached. Check the connection and try again.");
  }
}

/** Reads a JSON answer and remembers the tokens it brings; a refusal becomes a Refused. */
async function read(response) {
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    answer = {};
  }
  if (!response.ok) throw new Refused(response.status, explain(response, answer));
  if (answer.csrfToken) csrfToken = answer.csrfToken;
  if (answer.access) accessToken = answer.access;
  return answer;
}

function explain(response, answer) {
  if (response.status === 429) {
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    return `Too many attempts. Please try again in ${seconds} s.`;
  }
  if (response.status === 503) return "The service is busy. Please try again in a moment.";
  return answer.detail || `The service answered with status ${response.status}.`;
}

/** Asks for new tokens once for all who wait; tells whether there are any. */
function refresh() {
  refreshing ??= (async () => {
    try {
      let response = await send("POST", "/api/auth/refresh/");
      if (response.status === 403) {
        await fetchCsrfToken(); // the token may have belonged to an earlier session
        response = await send("POST", "/api/auth/refresh/");
      }
      await read(response);
      return true;
    } catch (problem) {
      // Only a refused session ends it: a busy service or a lost connection does not.
      if (problem.status === 401 || problem.status === 403) return false;
      throw problem;
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

/** Sends a request as the user: after a 401 once more with new tokens. */
async function request(method, path, body) {
  const first = await send(method, path, body);
  if (first.status === 403 && method !== "GET") {
    await fetchCsrfToken(); // the token may have belonged to an earlier session
    return send(method, path, body);
  }
  if (first.status !== 401) return first;
  accessToken = "";
  if (!(await refresh())) return first;
  return send(method, path, body);
}

/** Reads Server-Sent Events as they arrive. */
async function* serverEvents(response) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let pending = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    pending += decoder.decode(value, { stream: true });
    const blocks = pending.split("\n\n");
    pending = blocks.pop();
    for (const block of blocks) {
      const event = { name: "message", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("event:")) event.name = line.slice(6).trim();
        if (line.startsWith("data:")) event.data += line.slice(5).trimStart();
      }
      yield event;
    }
  }
}

// --- What is shown ------------------------------------------------------------------------------

function showProblem(problem) {
  element("problem").textContent = problem ? problem.message : "";
  element("problem").hidden = !problem;
}

function showLogin(problem) {
  accessToken = "";
  element("account").hidden = true;
  element("chat").hidden = true;
  hideSessions();
  element("login").hidden = false;
  element("messages").replaceChildren();
  showProblem(problem);
  element(element("username").value ? "password" : "username").focus();
}

async function showChat(user) {
  element("name").textContent = user.username ?? user.name ?? user.id ?? "";
  element("login").hidden = true;
  element("account").hidden = false;
  element("chat").hidden = false;
  showProblem(null);
  const history = await read(await request("GET", "/chat/history"));
  element("messages").replaceChildren();
  for (const message of history.messages) addMessage(message.role, message.text);
  element("empty").hidden = history.messages.length > 0;
  element("message").focus();
}

function addMessage(role, text) {
  const item = document.createElement("li");
  item.className = role;
  const who = document.createElement("span");
  who.className = "unseen";
  who.textContent = role === "user" ? "You: " : "Answer: ";
  const said = document.createElement("span");
  said.textContent = text;
  item.append(who, said);
  element("messages").append(item);
  item.scrollIntoView({ block: "nearest" });
  return said;
}

/** Runs an action of the user; what goes wrong is shown, and a lost session leads to the login. */
async function attempt(action) {
  showProblem(null);
  try {
    await action();
  } catch (problem) {
    if (problem instanceof Refused && problem.status === 401) {
      showLogin(new Refused(401, "Your session has ended. Please log in again."));
    } else if (problem instanceof Refused) {
      showProblem(problem);
    } else {
      showProblem(new Error("The connection broke off. Please try again."));
    }
  }
}

// --- Talking ------------------------------------------------------------------------------------

async function ask(message) {
  const response = await request("POST", "/chat/stream", { message });
  if (!response.ok) await read(response);
  element("message").value = "";
  element("empty").hidden = true;
  addMessage("user", message);
  element("status").textContent = "The answer is coming…";
  const answer = addMessage("assistant", "");
  let complete = false;
  for await (const event of serverEvents(response)) {
    if (event.name === "token") {
      answer.textContent += JSON.parse(event.data).text;
      answer.parentElement.scrollIntoView({ block: "nearest" });
    } else if (event.name === "done") {
      complete = true;
    } else if (event.name === "error") {
      throw new Refused(502, JSON.parse(event.data).detail);
    } else {
      throw new Refused(401, "ended"); // the service ends the stream with the session
    }
  }
  if (!complete) throw new Error("the stream ended early");
}

async function submitMessage() {
  const message = element("message").value.trim();
  if (!message || element("send").disabled) return;
  element("send").disabled = true;
  element("messages").setAttribute("aria-busy", "true");
  await attempt(() => ask(message));
  element("messages").removeAttribute("aria-busy");
  element("status").textContent = "";
  element("send").disabled = false;
  if (!element("chat").hidden) element("message").focus();
}

// --- Sessions -----------------------------------------------------------------------------------

function hideSessions() {
  element("sessions").hidden = true;
  element("show-sessions").setAttribute("aria-expanded", "false");
}

/** The system in `Mozilla/5.0 (X11; Linux x86_64) …`: of the rest the service keeps too little. */
function device(label) {
  const system = /^Mozilla\/5\.0 \(([^)]+)/.exec(label)?.[1];
  return system ? `Browser (${system})` : label || "A browser";
}

function sessionItem(session) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  const used = new Date(session.last_used * 1000);
  text.textContent = `${device(session.label)}, last used ${used.toLocaleString()}`;
  item.append(text);
  if (session.current) {
    const current = document.createElement("strong");
    current.textContent = "this one";
    item.append(current);
  } else {
    const end = document.createElement("button");
    end.type = "button";
    end.textContent = "End";
    end.setAttribute("aria-label", `End the session: ${text.textContent}`);
    const path = `/api/auth/sessions/${encodeURIComponent(session.sid)}/`;
    end.addEventListener("click", () =>
      attempt(async () => {
        const response = await request("DELETE", path);
        if (!response.ok) await read(response);
        await showSessions();
      }),
    );
    item.append(end);
  }
  return item;
}

async function showSessions() {
  const { sessions } = await read(await request("GET", "/api/auth/sessions/"));
  element("session-list").replaceChildren(...sessions.map(sessionItem));
  element("sessions").hidden = false;
  element("show-sessions").setAttribute("aria-expanded", "true");
  element("sessions-title").focus();
}

// --- Beginning ----------------------------------------------------------------------------------

async function logOut(path) {
  const response = await request("POST", path);
  if (!response.ok) await read(response);
  showLogin(null);
}

element("login").addEventListener("submit", (event) => {
  event.preventDefault();
  showProblem(null);
  const username = element("username").value;
  const password = element("password").value;
  const button = element("login").querySelector("button");
  button.disabled = true;
  (async () => {
    try {
      await fetchCsrfToken();
      const answer = await read(
        await send("POST", "/api/auth/login/", { username, password }),
      );
      element("password").value = "";
      await showChat(answer.user);
    } catch (problem) {
      const wrong = problem instanceof Refused && problem.status === 401;
      showProblem(wrong ? new Error("Name or password is wrong.") : problem);
      element("password").select();
    } finally {
      button.disabled = false;
    }
  })();
});

element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  submitMessage();
});

element("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submitMessage();
  }
});

element("logout").addEventListener("click", () => attempt(() => logOut("/api/auth/logout/")));
element("logout-all").addEventListener("click", () =>
  attempt(() => logOut("/api/auth/logout-all/")),
);
element("show-sessions").addEventListener("click", () => {
  if (element("sessions").hidden) attempt(showSessions);
  else hideSessions();
});

async function begin() {
  showProblem(null);
  const response = await request("GET", "/api/auth/me/");
  if (response.status === 401) return showLogin(null);
  const { user } = await read(response);
  return showChat(user);
}

begin().catch(showLogin);
