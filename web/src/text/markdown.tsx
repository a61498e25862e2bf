import "./markdown.css";
import type { ReactNode } from "react";
import Read, { type Components } from "react-markdown";
import gfm from "remark-gfm";
import { languageOf } from "../code/colours";
import { Coloured, useColours } from "../code/lines";

/** How a text's links and pictures that name a place beside it are drawn. */
export interface Beside {
  link: (path: string, children: ReactNode) => ReactNode;
  picture: (path: string, alt: string) => ReactNode;
}

/**
 * Markdown as GitHub reads it. HTML in it stays text. Its headings go below those of the page, and no
 * picture is fetched from elsewhere: no request leaves this machine.
 */
export default function Markdown({ text, beside }: { text: string; beside?: Beside | undefined }) {
  return (
    <div className="markdown">
      <Read remarkPlugins={[gfm]} components={partsFor(beside)}>
        {text}
      </Read>
    </div>
  );
}

const ELSEWHERE = /^[a-z][a-z0-9+.-]*:|^\/\//i;

function partsFor(beside: Beside | undefined): Components {
  return {
    h1: ({ children }) => <h3>{children}</h3>,
    h2: ({ children }) => <h4>{children}</h4>,
    h3: ({ children }) => <h5>{children}</h5>,
    h4: ({ children }) => <h6>{children}</h6>,
    h5: ({ children }) => <h6>{children}</h6>,
    a: ({ href = "", children }) => {
      if (ELSEWHERE.test(href)) {
        return (
          <a href={href} target="_blank" rel="noreferrer noopener">
            {children}
          </a>
        );
      }
      const path = href.replace(/[?#].*$/, "");
      return path && beside ? beside.link(decoded(path), children) : <span>{children}</span>;
    },
    img: ({ src = "", alt = "" }) => {
      if (typeof src === "string" && !ELSEWHERE.test(src) && beside) return beside.picture(decoded(src), alt);
      return <span className="text-ink-3">[picture{alt && `: ${alt}`}]</span>;
    },
    input: ({ checked }) => (
      <input type="checkbox" checked={checked ?? false} disabled aria-label={checked ? "done" : "to do"} />
    ),
    table: ({ children }) => (
      <div className="table" tabIndex={0} role="group" aria-label="Table">
        <table>{children}</table>
      </div>
    ),
    pre: ({ children }) => (
      <pre
        tabIndex={0}
        className="code focus-inset overflow-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs leading-relaxed"
      >
        {children}
      </pre>
    ),
    code: ({ className, children }) => {
      const language = /language-(\S+)/.exec(className ?? "")?.[1];
      return language ? (
        <Fence language={languageOf(`x.${language}`) ?? language} text={String(children)} />
      ) : (
        <code>{children}</code>
      );
    },
  };
}

function Fence({ language, text }: { language: string; text: string }) {
  const lines = useColours(language, text);
  return (
    <code>
      <Coloured text={text} lines={lines} />
    </code>
  );
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
