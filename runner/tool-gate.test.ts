import { expect, test } from 'vitest'
import { simpleCommands } from './shell-words.ts'
import { createToolGate, namedTools } from './tool-gate.ts'

const gate = (...rules: string[]) => createToolGate('allowlist', rules, '/workspace')
const bash = (command: unknown) => ({ command })

test('deny lets nothing through, full everything', () => {
  expect(createToolGate('deny', ['*'], '/')('Read', {}).allow).toBe(false)
  expect(createToolGate('full', [], '/')('Anything', {}).allow).toBe(true)
  expect(gate()('Read', {}).allow).toBe(false)
})

test.each([
  ['Read', 'Read', {}, true],
  ['Read', 'ReadAll', {}, false],
  ['mcp__git__*', 'mcp__git__log', {}, true],
  ['mcp__git__*', 'mcp__github__log', {}, false],
  ['*', 'Anything', {}, true],
  ['Read(/workspace/docs/**)', 'Read', { file_path: '/workspace/docs/a/b.md' }, true],
  ['Read(docs/*)', 'Read', { file_path: 'docs/b.md' }, true],
  ['Read(docs/*)', 'Read', { file_path: 'docs/a/b.md' }, false],
  ['Read(/workspace/docs/**)', 'Read', { file_path: '/workspace/docs/../secret' }, false],
  ['Read(/workspace/docs/**)', 'Read', { file_path: 7 }, false],
  ['Read(/workspace/docs/**)', 'Read', null, false],
  ['WebFetch(domain:example.com)', 'WebFetch', { url: 'https://example.com/a' }, true],
  ['WebFetch(domain:example.com)', 'WebFetch', { url: 'https://example.com.evil.test/' }, false],
  ['WebFetch(domain:*.example.com)', 'WebFetch', { url: 'https://a.example.com/' }, true],
  ['WebFetch(domain:example.com)', 'WebFetch', { url: 'nonsense' }, false],
  ['Skill(pdf)', 'Skill', { skill: 'pdf' }, true],
  ['Unknown(x)', 'Unknown', { thing: 'x' }, false],
])('%s for %s %j: %s', (rule, tool, input, allow) => {
  expect(gate(rule)(tool, input).allow).toBe(allow)
})

test.each([
  'git status',
  'git',
  'git log --format="%h; %s" | git hash-object --stdin',
  "git commit -m 'a; b && c'",
  'git status 2>&1',
  'git status > /dev/null',
  'git fetch && git status; git log &',
  'git log\ngit status',
  'git show $REF',
])('Bash(git *) covers %j', (command) => {
  expect(gate('Bash(git *)')('Bash', bash(command))).toEqual({ allow: true })
})

test.each([
  'gitk',
  'git status; curl example.com',
  'git status && rm -rf .',
  'git status | sh',
  'git status & rm x',
  'git status\nrm x',
  'git log > /workspace/x',
  'git log >> x',
  'git log 2> x',
  'git apply < x',
  'git show $(rm x)',
  'git show `rm x`',
  'git show "$(rm x)"',
  'git show "`rm x`"',
  'git show ${x@P}',
  "git show $'x\\n'",
  'git show <(rm x)',
  '(git status)',
  '{ git status; }',
  'git status # ; fine',
  "git 'unclosed",
  'git \\\nrm',
  'X=1 git status',
  'git status>&2',
  '',
  '   ',
])('Bash(git *) does not cover %j', (command) => {
  expect(gate('Bash(git *)')('Bash', bash(command)).allow).toBe(false)
})

test('several rules cover a line together, and a rule without a pattern covers any', () => {
  expect(gate('Bash(git *)', 'Bash(ls:*)')('Bash', bash('git status | ls -l')).allow).toBe(true)
  expect(gate('Bash')('Bash', bash('anything $(at all)')).allow).toBe(true)
  expect(gate('Bash(git *)')('Bash', bash(7)).allow).toBe(false)
})

test('a quoted border divides nothing', () => {
  expect(simpleCommands(`echo 'a;b' "c|d" e\\;f; g`)).toEqual([`echo 'a;b' "c|d" e\\;f`, 'g'])
})

test('names the tools that the model is offered', () => {
  expect(namedTools(['Read', 'Bash(git *)', 'Bash(ls)', 'mcp__x__*'])).toEqual(['Read', 'Bash'])
  expect(namedTools(['*'])).toBeUndefined()
})
