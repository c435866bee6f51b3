/**
 * The one gate that every use of a tool passes: of the agent, its subagents and its MCP servers. `deny` lets nothing through, `full`
 * everything, `allowlist` what the agent's rules name. What the gate does not understand, it refuses.
 *
 * A rule is a tool's name, where `*` stands for anything (`Read`, `mcp__github__*`), optionally with a pattern for what the tool is
 * asked to do: `Bash(git *)`, `Read(/workspace/docs/**)`, `WebFetch(domain:example.com)`.
 */
import { posix } from 'node:path'
import type { Policy } from '../shared/domain/policy.ts'
import { simpleCommands } from './shell-words.ts'

export type GateAnswer = { readonly allow: true } | { readonly allow: false; readonly why: string }
export type ToolGate = (tool: string, input: unknown) => GateAnswer

interface Rule {
  readonly name: RegExp
  /** Undefined: whatever it is asked to do. */
  readonly pattern: string | undefined
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** `*` stands for anything. */
const wildcard = (pattern: string): RegExp => new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`, 's')

/** `**` stands for anything, `*` for anything within one folder. */
const pathPattern = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split('**')
      .map((part) => part.split('*').map(escaped).join('[^/]*'))
      .join('.*')}$`,
    's',
  )

const parseRule = (text: string): Rule | undefined => {
  const parts = /^([A-Za-z0-9_*-]+)(?:\((.*)\))?$/s.exec(text)
  return parts?.[1] === undefined ? undefined : { name: wildcard(parts[1]), pattern: parts[2] }
}

const textField = (input: unknown, ...names: readonly string[]): string | undefined => {
  if (typeof input !== 'object' || input === null) return undefined
  for (const [name, value] of Object.entries(input)) if (names.includes(name)) return typeof value === 'string' ? value : undefined
  return undefined
}

/** `git *` covers `git status` and plain `git`; so does the older form `git:*`. */
const commandMatches = (command: string, pattern: string): boolean => {
  const normal = pattern.endsWith(':*') ? `${pattern.slice(0, -2)} *` : pattern
  return wildcard(normal).test(command) || (normal.endsWith(' *') && command === normal.slice(0, -2))
}

const hostMatches = (url: string, domain: string): boolean => {
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return hostname === domain || (domain.startsWith('*.') && hostname.endsWith(domain.slice(1)))
}

/** Whether one pattern covers one use. The cwd makes relative paths absolute. */
const inputMatches = (tool: string, pattern: string, input: unknown, cwd: string): boolean => {
  const path = textField(input, 'file_path', 'notebook_path', 'path')
  if (path !== undefined) return pathPattern(posix.resolve(cwd, pattern)).test(posix.resolve(cwd, path))
  const url = textField(input, 'url')
  if (tool === 'WebFetch' && url !== undefined)
    return pattern.startsWith('domain:') ? hostMatches(url, pattern.slice('domain:'.length)) : wildcard(pattern).test(url)
  const word = textField(input, 'skill', 'subagent_type', 'query')
  return word !== undefined && wildcard(pattern).test(word)
}

/** Every command of a shell line must be covered: `git status; curl …` is not covered by `Bash(git *)`. */
const shellAllowed = (patterns: readonly string[], input: unknown): boolean => {
  const line = textField(input, 'command')
  const commands = line === undefined ? undefined : simpleCommands(line)
  return commands !== undefined && commands.length > 0 && commands.every((command) => patterns.some((pattern) => commandMatches(command, pattern)))
}

/** Names of the agent's own tools that take a shell line. */
const shell_tools = ['Bash', 'PowerShell', 'Monitor']

const allowlist = (allowed_tools: readonly string[], cwd: string): ToolGate => {
  const rules = allowed_tools.flatMap((text) => parseRule(text) ?? [])
  return (tool, input) => {
    const named = rules.filter((rule) => rule.name.test(tool))
    if (named.some((rule) => rule.pattern === undefined)) return { allow: true }
    const patterns = named.flatMap((rule) => rule.pattern ?? [])
    const covered = shell_tools.includes(tool) ? shellAllowed(patterns, input) : patterns.some((pattern) => inputMatches(tool, pattern, input, cwd))
    return covered ? { allow: true } : { allow: false, why: `${tool} is not on the allowlist of this agent for this use` }
  }
}

/** @param cwd the agent's folder, as the agent sees it */
export const createToolGate = (security: Policy['security'], allowed_tools: readonly string[], cwd: string): ToolGate => {
  switch (security) {
    case 'deny':
      return () => ({ allow: false, why: 'the policy of this run lets no tool run' })
    case 'full':
      return () => ({ allow: true })
    case 'allowlist':
      return allowlist(allowed_tools, cwd)
  }
}

/** Whether a human may be asked at all under a policy: what the gate lets through or denies by itself is not asked with `on-miss`. */
export const mayAsk = ({ security, ask }: Pick<Policy, 'security' | 'ask'>): boolean =>
  security !== 'deny' && (ask === 'always' || (ask === 'on-miss' && security === 'allowlist'))

/** The tools that the rules name outright, so that the model is not offered others; undefined where a wildcard may mean any. */
export const namedTools = (allowed_tools: readonly string[]): readonly string[] | undefined => {
  const names = allowed_tools.map((text) => text.replace(/\(.*$/s, ''))
  if (names.some((name) => name.includes('*') && !name.startsWith('mcp__'))) return undefined
  return [...new Set(names.filter((name) => !name.startsWith('mcp__')))]
}
