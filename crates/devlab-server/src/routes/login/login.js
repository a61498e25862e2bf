// Exchanges the code of a one-time link for a token. The code stands behind `#`, which browsers do
// not send, and it is used on a click only, so that a preview of the link does not use it up.
const element = (id) => document.getElementById(id);
const code = location.hash.slice(1);
const say = (text) => {
  element("state").textContent = text;
};

async function logIn() {
  element("go").disabled = true;
  say("Logging in…");
  try {
    const answer = await fetch("/v1/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    if (!answer.ok) {
      say("This link was used already, is over, or is not complete. Ask an admin for a token: devlab token create.");
      return;
    }
    const { secret } = await answer.json();
    history.replaceState(null, "", location.pathname);
    element("go").hidden = true;
    element("secret").textContent = secret;
    element("result").hidden = false;
    say("You are logged in as an admin.");
  } catch {
    element("go").disabled = false;
    say("The server did not answer. Try again.");
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(element("secret").textContent);
    element("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(element("secret"));
  }
}

element("copy").addEventListener("click", copy);
element("go").addEventListener("click", logIn);
if (code) {
  say("This link logs you in as an admin, once.");
  element("go").hidden = false;
}
