import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSigner } from './sigv4.ts'

const word = fc.stringMatching(/^[A-Za-z0-9/+=]{1,40}$/)

test('the signature is the one that the SDK makes', async () => {
  const call = fc.record({
    target: word,
    body: fc.string({ unit: 'grapheme', maxLength: 200 }),
    key: fc.record({ accessKeyId: word, secretAccessKey: word, sessionToken: fc.option(word, { nil: undefined }) }),
    now_ms: fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) }),
  })
  // One signer for all: a key of another day, or of other credentials, must not be used again.
  const sign = createSigner({ region: 'eu-central-1', service: 'dynamodb' })
  const check = async ({ target, body, key, now_ms }: typeof call extends fc.Arbitrary<infer T> ? T : never) => {
    const { sessionToken, ...pair } = key
    const credentials = sessionToken === undefined ? pair : { ...pair, sessionToken }
    const headers = { host: 'localhost:8000', 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target }
    const theirs = new SignatureV4({ region: 'eu-central-1', service: 'dynamodb', sha256: Sha256, applyChecksum: false, credentials })
    const request = { method: 'POST', protocol: 'http:', hostname: 'localhost', port: 8000, path: '/', query: {}, headers, body }
    const expected = await theirs.sign(request, { signingDate: new Date(now_ms) })
    const signed = sign({ ...headers, 'amz-sdk-request': 'attempt=1' }, body, credentials, now_ms)
    expect(signed['authorization']).toBe(expected.headers['authorization'])
    expect(signed['x-amz-date']).toBe(expected.headers['x-amz-date'])
    expect(signed['x-amz-security-token']).toBe(expected.headers['x-amz-security-token'])
  }
  await fc.assert(fc.asyncProperty(call, check))
})
