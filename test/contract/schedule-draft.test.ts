/** Drafts of schedules: the function over the memory store, and the adapter against the scripted model and the local secrets. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { listen, type Listener } from '../../local/net/listen.ts'
import { startScriptedModel, type ScriptedModel } from '../../local/scripted-model/server.ts'
import { secretsHandler } from '../../local/secrets.ts'
import { resolveStack } from '../../local/template/resolved.ts'
import { Template } from '../../local/template/template.ts'
import { messagesModel, type TextModelOptions } from '../../shared/ports/aws/text-model.ts'
import type { TextModel } from '../../shared/ports/ports.ts'
import { draftSchedule } from '../../shared/flows/draft-schedule.ts'
import { apiPlane, shaped } from '../support/http.ts'

const secret_arn = 'arn:aws:secretsmanager:us-east-1:0:secret:key'
const definition = {
  Type: 'AWS::ECS::TaskDefinition',
  Properties: { ContainerDefinitions: [{ Secrets: [{ Name: 'ANTHROPIC_API_KEY', ValueFrom: secret_arn }] }] },
}
const stack = resolveStack(
  { stack_name: 'S', template: Template.parse({ Resources: { T: definition } }), assets: new Map() },
  {},
  { region: 'us-east-1', account: '000000000000', stack_name: 'S', api_url: '', sqs_url: '' },
)

let secrets: Listener
let none: Listener
let scripted: ScriptedModel
const asked: string[] = []
beforeAll(async () => {
  secrets = await listen(secretsHandler(stack, { ANTHROPIC_API_KEY: 'the-key' }))
  none = await listen(secretsHandler(stack, {}))
  scripted = await startScriptedModel({ onRequest: ({ headers }) => void asked.push(String(headers['x-api-key'])) })
})
afterAll(async () => {
  await Promise.all([secrets.close(), none.close(), scripted.close()])
})

const modelOf = (changes: Partial<TextModelOptions> = {}): TextModel =>
  messagesModel({
    provider: 'anthropic',
    base_url: scripted.url,
    model: 'm',
    secret_arn,
    region: 'us-east-1',
    secrets_url: secrets.url,
    credentials: { access_key_id: 'a', secret_access_key: 'b' },
    ...changes,
  })
const clock = { now: () => Date.parse('2026-11-22T09:00:00Z') }
const draft = async (words: string, model: TextModel = modelOf()) => draftSchedule({ clock, model }, words, 'Asia/Tokyo')

test('words become a cron and a zone with the next five ticks, from a model that is asked with the key', async () => {
  expect(await draft('weekdays at nine in Berlin')).toMatchObject({
    ok: true,
    value: {
      cron_expr: '0 9 * * 1-5',
      timezone: 'Europe/Berlin',
      sentence: expect.stringContaining('SCRIPTED'),
      model: 'scripted',
      items: [{ at: '2026-11-23T08:00:00.000Z', local_time: '2026-11-23T09:00:00+01:00' }, {}, {}, {}, {}],
    },
  })
  expect(asked).toContain('the-key')
  expect(await draft('every day at 17:30')).toMatchObject({ value: { cron_expr: '30 17 * * *', timezone: 'Asia/Tokyo' } })
})

test('what the model does not understand, or gets wrong, is said so', async () => {
  expect(await draft('when the moon is full')).toMatchObject({ ok: false, code: 'draft_unclear' })
  for (const text of ['no json', '{"cron_expr":"0 9 * *","timezone":"UTC","sentence":"x"}', '{"cron_expr":"0 9 * * *","timezone":"Mars","sentence":"x"}'])
    expect(await draft('x', { ask: async () => ({ ok: true, text, model: 'm' }) })).toMatchObject({ ok: false, code: 'draft_unclear' })
})

test('without a model that may be asked the code says so; one that does not answer is another matter', async () => {
  expect(await draft('x', modelOf({ secrets_url: none.url }))).toMatchObject({ ok: false, code: 'model_not_configured' })
  expect(await draft('x', modelOf({ provider: 'bedrock' }))).toMatchObject({ ok: false, code: 'model_not_configured' })
  expect(await draft('x', modelOf({ base_url: 'http://127.0.0.1:9' }))).toMatchObject({ ok: false, code: 'unavailable' })
})

test('the function asks for an admin’s key, stores nothing, and answers in the shape of the contract', async () => {
  const plane = apiPlane()
  const [admin, member] = [await plane.makeKey(plane.workspace_id, 'admin'), await plane.makeKey(plane.workspace_id, 'member')]
  const writes = plane.writes.length
  const body = { text: 'weekdays at nine in Berlin' }
  expect(shaped(operations.draftSchedule.responses[200], await plane.call('POST', '/v1/schedules/draft', { key: admin, body })).cron_expr).toBe('0 9 * * 1-5')
  expect(await plane.call('POST', '/v1/schedules/draft', { key: member, body })).toMatchObject({ status: 403 })
  expect(await plane.call('POST', '/v1/schedules/draft', { key: admin, body: { text: ' ' } })).toMatchObject({ status: 400 })
  expect(plane.writes.length).toBe(writes)
})
