import { expect, test } from 'vitest'
import { testPlane, test_usage } from '../support/plane.ts'
import { at, identity } from '../support/looks.ts'
import { createCommandMemory } from '../../shared/flows/command-memory.ts'
import { reportFinish } from '../../shared/flows/runner.ts'
import type { Store } from '../../shared/store/store.ts'

/** How often commands were read for the claim and the end of one attempt. */
const commandReads = async (message: string, with_memory: boolean): Promise<number> => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id, message })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  let reads = 0
  const { store } = plane.deps
  const get: Store['get'] = async (ref, options) => {
    if (ref.kind === 'command') reads += 1
    return store.get(ref, options)
  }
  const deps = Object.assign(plane.deps, { store: { ...store, get }, ...(with_memory ? { commands: createCommandMemory() } : {}) })
  expect(await plane.claim(sandbox)).toMatchObject({ ok: true, value: { message } })
  expect(await reportFinish(deps, identity(plane, sandbox), { outcome: 'ok', usage: test_usage })).toEqual({ ok: true, value: { recorded: true } })
  return reads
}

test('who claims an attempt and ends it reads its command once, if it remembers commands', async () => {
  expect(await commandReads('hello', false)).toBe(2)
  expect(await commandReads('hello', true)).toBe(1)
})

test('a large command is not remembered', async () => {
  expect(await commandReads('x'.repeat(20_000), true)).toBe(2)
})

test('it is bounded, and the oldest goes first', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { command } = await plane.accept({ agent_id: agent.id })
  const memory = createCommandMemory()
  const keyOf = (count: number) => String(count).padStart(32, '0')
  for (let count = 0; count <= 256; count += 1) memory.keep({ ...command, command_key: keyOf(count) })
  expect(memory.find(command.workspace_id, keyOf(0))).toBeUndefined()
  expect(memory.find(command.workspace_id, keyOf(1))).toMatchObject({ command_key: keyOf(1) })
  expect(memory.find('ws_other', keyOf(1))).toBeUndefined()
})
