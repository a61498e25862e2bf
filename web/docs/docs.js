// Sets the colours of the API page after the system's choice, follows it when
// it changes, and says in words when the description cannot be loaded.
(() => {
  const COLOURS = {
    light: {
      theme: "light",
      "bg-color": "#ffffff",
      "text-color": "#1b1f24",
      "nav-bg-color": "#f4f6f8",
      "nav-text-color": "#3b4550",
      "nav-hover-bg-color": "#e4e9ee",
      "nav-hover-text-color": "#11151a",
      "primary-color": "#0b6e69",
    },
    dark: {
      theme: "dark",
      "bg-color": "#14181d",
      "text-color": "#d7dde4",
      "nav-bg-color": "#1b2128",
      "nav-text-color": "#b3bdc8",
      "nav-hover-bg-color": "#28313b",
      "nav-hover-text-color": "#ffffff",
      "primary-color": "#4fc4bb",
    },
  };

  const api = document.getElementById("api");
  const status = document.getElementById("status");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const paint = () => {
    for (const [name, value] of Object.entries(COLOURS[dark.matches ? "dark" : "light"])) {
      api.setAttribute(name, value);
    }
  };
  // The bundle also reports "loaded" after a failure, so a message stays once said.
  let failed = false;
  const say = (text) => {
    failed = true;
    status.textContent = text;
    status.hidden = false;
  };

  paint();
  dark.addEventListener("change", paint);
  api.addEventListener("spec-loaded", () => {
    status.hidden = !failed;
  });
  window.addEventListener("error", (event) => {
    if (event.target instanceof HTMLScriptElement) {
      say("The page's script could not be loaded. Build the browser files with: make web");
    }
  }, true);

  // The bundle shows a failed load as an empty page, so the answer is looked at here.
  fetch(api.getAttribute("spec-url"), { headers: { accept: "application/json" } })
    .then((answer) => {
      if (!answer.ok) say(`The API description at /openapi.json was answered with ${answer.status}.`);
    })
    .catch(() => say("The server does not answer. Is devlab running? Start it with: devlab up"));
})();
