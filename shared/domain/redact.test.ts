import { expect, test } from 'vitest'
import { redactDeep, redactText, secretSpans } from './redact.ts'

const secret_texts: readonly (readonly [string, string])[] = [
  ['key sk-ant-api03-abcdefghijklmnop-QRST_uv and on', 'key [redacted] and on'],
  ['OPENAI sk-proj-abcdefghijklmnopqrstuvwx', 'OPENAI [redacted]'],
  ['id AKIAIOSFODNN7EXAMPLE.', 'id [redacted].'],
  ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'aws_secret_access_key = [redacted]'],
  ['{"SecretAccessKey":"wJalrXUtnFEMI","SessionToken":"FwoGZXIvYXdzEBY"}', '{"SecretAccessKey":"[redacted]","SessionToken":"[redacted]"}'],
  ['push with ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'push with [redacted]'],
  ['github_pat_11ABCDEFG0abcdefghij_klmnopqrstuvwxyz', '[redacted]'],
  ['glpat-abcdefghij0123456789', '[redacted]'],
  ['xoxb-123456789012-abcdefghijkl', '[redacted]'],
  ['https://hooks.slack.com/services/T000/B000/abcdefghijkl', 'https://hooks.slack.com/services/[redacted]'],
  ['Authorization: Bearer abcdef.ghijkl-mnopqr', 'Authorization: Bearer [redacted]'],
  ['Authorization: Basic dXNlcjpwYXNzd29yZDEyMw==', 'Authorization: Basic [redacted]'],
  ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl end', 'jwt [redacted] end'],
  ['postgres://user:hunter2@db.example/x', 'postgres://user:[redacted]@db.example/x'],
  ['lkatt_ws_01J.run_01J.1.c2VjcmV0LXNlY3JldA', '[redacted]'],
  ['lk_01JABCDEFGHJKMNPQRSTVWXYZ0', '[redacted]'],
  ['password=hunter2 next', 'password=[redacted] next'],
  ['https://x.example/?token=abcdef&page=2', 'https://x.example/?token=[redacted]&page=2'],
  ['token: abc123def', 'token: [redacted]'],
  [String.raw`{\"password\":\"correct horse\"}`, String.raw`{\"password\":\"[redacted]\"}`],
  ['a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nx\n-----END RSA PRIVATE KEY-----\nb', 'a\n[redacted]\nb'],
  ['-----BEGIN PRIVATE KEY-----\nMIIE that never ends', '[redacted]'],
]

test.each(secret_texts)('hides the secret of %j', (text, expected) => {
  expect(redactText(text)).toBe(expected)
})

test.each([
  'input_tokens: 1234567, "max_tokens": 100000',
  'const token = await readToken(env)',
  'password: string',
  'PWD=/workspace',
  'the token count is 12345678',
  'Basic understanding of responsibilities',
  'see https://example.com:8080/a/b and user@example.com',
  'run_01J8ZQ4M2N3P4Q5R6S7T8V9WXY task_01J8ZQ4M2N3P4Q5R6S7T8V9WXY',
])('leaves %j as it is', (text) => {
  expect(redactText(text)).toBe(text)
})

test('hides known secrets in every form they turn up in, and short ones not', () => {
  const secret = 'pa"ss word/é'
  expect(redactText(`1 ${secret} 2 ${JSON.stringify({ a: secret })} 3 ${encodeURIComponent(secret)}`, [secret])).toBe(
    '1 [redacted] 2 {"a":"[redacted]"} 3 [redacted]',
  )
  expect(redactText('an ordinary word', ['word'])).toBe('an ordinary word')
})

test('spans that touch or overlap become one', () => {
  expect(secretSpans('token=sk-abcdefghijklmnopqrst')).toEqual([{ start: 6, end: 29 }])
})

test('goes through JSON, and hides whole what lies under a name like password', () => {
  const value = {
    a: ['sk-abcdefghijklmnopqrst', 1, null],
    Password: 'x',
    api_key: 'y',
    agent_key: 'reviewer',
    fencing_token: 7,
    token: '',
    deep: { authorization: 'z', ok: true },
  }
  expect(redactDeep(value)).toEqual({
    a: ['[redacted]', 1, null],
    Password: '[redacted]',
    api_key: '[redacted]',
    agent_key: 'reviewer',
    fencing_token: 7,
    token: '',
    deep: { authorization: '[redacted]', ok: true },
  })
})

test('a value that is nested without end is cut', () => {
  let value: unknown = 'x'
  for (let depth = 0; depth < 200; depth++) value = [value]
  expect(JSON.stringify(redactDeep(value))).toContain('[redacted]')
})

test('hostile text costs linear time: a megabyte of near misses ends within the test', () => {
  for (const part of ['://a:', 'eyJ', 'token', 'sk-', 'Bearer ', '-----BEGIN PRIVATE KEY', 'password=', 'a']) {
    const text = part.repeat(Math.ceil(1_000_000 / part.length))
    expect(redactText(text).length).toBeGreaterThan(0)
  }
})
