/**
 * The simple commands that a shell line would run, as far as that can be said without running it. For deciding whether a line may
 * run: whatever this does not understand for certain is refused by returning undefined.
 */

type Quote = "'" | '"' | undefined

/** Redirections that write nowhere and read nothing. */
const harmless_redirection = /^(?:2>&1|[12]?> ?\/dev\/null|&> ?\/dev\/null)(?=[\s;|&]|$)/

interface Scan {
  readonly commands: string[]
  current: string
  quote: Quote
}

/** Characters outside of quotes that do more than divide or name: redirections, subshells, groups, history. */
const refused = new Set(['<', '>', '(', ')', '{', '}', '`', '!', '#'])

const endCommand = (scan: Scan): void => {
  const command = scan.current.trim()
  if (command !== '') scan.commands.push(command)
  scan.current = ''
}

/** How far one step goes; undefined where the line must be refused. */
const step = (scan: Scan, line: string, at: number): number | undefined => {
  const char = line[at] ?? ''
  const next = line[at + 1] ?? ''
  if (scan.quote === "'") {
    if (char === "'") scan.quote = undefined
    scan.current += char
    return 1
  }
  // Substitutions run commands; ${…} can be made to.
  if (char === '`' || (char === '$' && (next === '(' || next === '{' || next === "'" || next === '['))) return undefined
  if (char === '\\') {
    if (next === '' || next === '\n') return undefined
    scan.current += char + next
    return 2
  }
  if (char === '"' || (char === "'" && scan.quote === undefined)) {
    scan.quote = scan.quote === undefined ? char : undefined
    scan.current += char
    return 1
  }
  if (scan.quote === '"') {
    scan.current += char
    return 1
  }
  const redirection = harmless_redirection.exec(line.slice(at))?.[0]
  if (redirection !== undefined && (redirection.startsWith('&') || scan.current === '' || /[\s]$/.test(scan.current))) return redirection.length
  if (char === ';' || char === '|' || char === '&' || char === '\n') {
    endCommand(scan)
    return 1
  }
  if (refused.has(char)) return undefined
  scan.current += char
  return 1
}

/** The commands that `line` divides into at `;`, `|`, `&` and line ends; undefined if it may run more than these. */
export const simpleCommands = (line: string): readonly string[] | undefined => {
  const scan: Scan = { commands: [], current: '', quote: undefined }
  for (let at = 0; at < line.length;) {
    const length = step(scan, line, at)
    if (length === undefined) return undefined
    at += length
  }
  if (scan.quote !== undefined) return undefined
  endCommand(scan)
  return scan.commands
}
