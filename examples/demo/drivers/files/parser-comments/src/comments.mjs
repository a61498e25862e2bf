const ASIDE = /(^|\s+);.*$/;

/** The lines without their comments, each with its own number; a block of comments without an end is reported. */
export function withoutComments(lines, report) {
  const kept = [];
  let opened = null;
  for (const { text, number } of lines) {
    if (opened !== null) {
      if (text === 'end comment') opened = null;
    } else if (text === 'comment') opened = number;
    else kept.push({ text: text.replace(ASIDE, ''), number });
  }
  if (opened !== null) report('unclosed-comment', opened, 'comment');
  return kept;
}
