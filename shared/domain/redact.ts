/**
 * Keeps secrets out of what is stored and shown (SPEC §5): those that are known by value, those that are shaped like a
 * secret, and what is assigned to a name like `password`. Errs towards hiding: a log line that lost a word is readable, a leaked key is not.
 *
 * Every pattern is anchored by a literal and bounded, so that hostile text costs linear time.
 */
export const redacted = '[redacted]'

/** A part of a text, from `start` to before `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Values shaped like a secret. What group 1 matches stays: only the rest is the secret. */
const shapes: readonly RegExp[] = [
  // Anthropic, OpenAI and others that took over the form; Stripe.
  /\bsk-[A-Za-z0-9_-]{16,512}/g,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,256}/g,
  // AWS access key ids. Secret access keys have no shape of their own: `assignments` finds them.
  /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g,
  /\bgh[opsur]_[A-Za-z0-9]{20,255}/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,255}/g,
  /\bgl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|oas)-[A-Za-z0-9_.-]{16,255}/g,
  /\bxox[a-z]-[A-Za-z0-9-]{10,512}/g,
  /\bxapp-[A-Za-z0-9-]{10,512}/g,
  /(hooks\.slack\.com\/(?:services|workflows)\/)[A-Za-z0-9/_-]{10,256}/g,
  /\bAIza[A-Za-z0-9_-]{30,64}/g,
  /\bnpm_[A-Za-z0-9]{30,128}/g,
  /\bhf_[A-Za-z0-9]{30,128}/g,
  // Lanekeeper's own: API keys, claim and attempt tokens.
  /\blk(?:att|claim)?_[A-Za-z0-9][A-Za-z0-9._-]{15,400}/g,
  /\beyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,16384}\.[A-Za-z0-9_-]{0,4096}/g,
  /(\bBearer[ \t]{1,8})[A-Za-z0-9._~+/=-]{12,16384}/gi,
  /(\bBasic[ \t]{1,8})(?=[A-Za-z+/]{0,2000}[0-9=])[A-Za-z0-9+/=]{12,2048}/g,
  // The password of a URL with credentials.
  /(:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,256}(?=@)/g,
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g,
]

const name = String.raw`(?:passw(?:or)?d|passphrase|(?<=[_-])pwd|secret|token(?!s|[_-]?(?:count|limit|usage|budget))|api[_-]?key|access[_-]?key(?![_-]?id)|private[_-]?key|credential|authorization)[A-Za-z0-9_-]{0,24}`
/**
 * What is assigned to a name like `password`: a quoted value; a bare one right after the sign, as in an environment or a URL;
 * and a bare one after a space only if it holds a digit, so that code and prose stay readable.
 */
const assignments: readonly RegExp[] = [
  new RegExp(String.raw`(${name}(?:\\{0,4}["'])?[ \t]{0,8}[:=][ \t]{0,8}\\{0,4}["'])[^"'\\\n]{4,4096}`, 'gi'),
  new RegExp(String.raw`(${name}=)[^\s"'&,;\\]{4,4096}`, 'gi'),
  new RegExp(String.raw`(${name}[ \t]{0,8}[:=][ \t]{0,8})(?=[^\s"',;&()<>{}\[\]\\0-9]{0,256}[0-9])[^\s"',;&()<>{}\[\]\\]{6,4096}`, 'gi'),
]

const patterns = [...shapes, ...assignments]

/** A secret that is shorter would blot out ordinary words. */
const known_length_min = 12

/** The forms in which a known secret may turn up: as it is, within JSON, within a URL. */
const formsOf = (secret: string): readonly string[] => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]

const knownForms = (secrets: readonly string[]): readonly string[] =>
  [...new Set(secrets.filter((secret) => secret.length >= known_length_min).flatMap(formsOf))].toSorted((a, b) => b.length - a.length)

const occurrences = (text: string, part: string): readonly Span[] => {
  const found: Span[] = []
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) found.push({ start: at, end: at + part.length })
  return found
}

/** Where a pattern matches: the secret alone, or with the name before it that gave it away. */
const matches = (text: string, pattern: RegExp, with_name: boolean): readonly Span[] =>
  [...text.matchAll(pattern)].map((match) => ({ start: match.index + (with_name ? 0 : (match[1]?.length ?? 0)), end: match.index + match[0].length }))

const merged = (spans: readonly Span[]): readonly Span[] => {
  const result: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last === undefined || span.start > last.end) result.push(span)
    else result[result.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
  }
  return result
}

const spansOf = (text: string, secrets: readonly string[], with_name: boolean): readonly Span[] =>
  merged([...knownForms(secrets).flatMap((form) => occurrences(text, form)), ...patterns.flatMap((pattern) => matches(text, pattern, with_name))])

/** Where the secrets of a text are, in order and without overlap. @param secrets values known to be secret */
export const secretSpans = (text: string, secrets: readonly string[] = []): readonly Span[] => spansOf(text, secrets, false)

/** The same with the names before them: where a text must not be cut, or a secret would not be known as one. */
export const uncuttableSpans = (text: string, secrets: readonly string[] = []): readonly Span[] => spansOf(text, secrets, true)

/** The text with `spans` of it hidden. They must be in order and must not overlap. */
export const hideSpans = (text: string, spans: readonly Span[]): string => {
  let result = ''
  let from = 0
  for (const { start, end } of spans) {
    result += text.slice(from, start) + redacted
    from = end
  }
  return from === 0 ? text : result + text.slice(from)
}

/** The text without its secrets. @param secrets values known to be secret, whatever they look like */
export const redactText = (text: string, secrets: readonly string[] = []): string => hideSpans(text, secretSpans(text, secrets))

/** Names of fields whose text is a secret, whatever it looks like. `fencing_token` is a number and not one. */
const secret_field =
  /(?:passw(?:or)?d|passphrase|[_-]pwd|secret|(?<!fencing[_-]?)token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|cookie)$/i

const depth_max = 100

/** A copy of a JSON value without its secrets: in every text, and whole under a field like `password`. Numbers and booleans stay. */
export const redactDeep = (value: unknown, secrets: readonly string[] = [], depth = 0): unknown => {
  if (typeof value === 'string') return redactText(value, secrets)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= depth_max) return redacted
  if (Array.isArray(value)) return value.map((item) => redactDeep(item, secrets, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      redactText(key, secrets),
      typeof item === 'string' && item !== '' && secret_field.test(key) ? redacted : redactDeep(item, secrets, depth + 1),
    ]),
  )
}
