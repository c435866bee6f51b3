/** Questions and what goes on beside them: turns that end, attempts that die, and others who answer at the same moment. */
import { expect, test } from 'vitest'
import { answerApproval, askQuestion } from '../../shared/flows/questions.ts'
import { refs } from '../../shared/store/keys.ts'
import { betweenStore } from '../support/between.ts'
import { at, boom, identity } from '../support/looks.ts'
import { dispositionsOf, endOf, finishTurn, oneLive, sendTo, take, valueOf } from '../support/inputs.ts'
import type { Sandbox, TestPlane } from '../support/plane.ts'

const saved = { transcript_bytes: 9 }
const ask = async (plane: TestPlane, sandbox: Sandbox) =>
  valueOf(await askQuestion(plane.deps, identity(plane, sandbox), { tool_use_id: 'toolu_1', tool: 'Bash', input: '{}', reason: 'always' })).approval_id
const policy = { retry: { max_attempts: 3 } }

test('a turn that is interrupted while it asks withdraws its question', async () => {
  const { plane, sandbox, run_id } = await oneLive({ policy })
  const approval_id = await ask(plane, sandbox)
  await sendTo(plane, run_id, 'stop that', 'interrupt')
  await take(plane, sandbox, 1, true)
  valueOf(await endOf(plane, sandbox, 1, { saved }))
  const approval = await plane.deps.store.get(refs.approval(plane.workspace_id, run_id, approval_id))
  expect(approval?.resolved?.resolution).toEqual({ kind: 'withdrawn', reason: 'attempt_ended' })
  expect((await plane.run(run_id)).questions).toBeUndefined()
  expect(await answerApproval(plane.deps, plane.workspace_id, { approval_id, action: 'approve' })).toMatchObject({ ok: false, code: 'illegal_state' })
})

test('an attempt that dies after the turn with the answer is followed by one that takes what the next turn had taken', async () => {
  const { plane, sandbox, task, run_id } = await oneLive({ policy })
  const approval_id = await ask(plane, sandbox)
  await finishTurn(plane, sandbox, 1, { parks: 'question', saved })
  valueOf(await answerApproval(plane.deps, plane.workspace_id, { approval_id, action: 'approve' }))
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  expect(valueOf(await plane.claim(second)).begins_with).toBe('answer')
  await sendTo(plane, run_id, 'and then')
  valueOf(await endOf(plane, second, 1, { saved }))
  expect((await take(plane, second, 2)).inputs).toHaveLength(1)
  await plane.finish(second, { outcome: 'error', error: boom })
  await plane.deliver()
  const third = at(plane.sandboxes, 2)
  expect(valueOf(await plane.claim(third))).toMatchObject({ turn: 2, begins_with: 'inputs', inputs_wait: true, answers: [] })
  expect((await take(plane, third, 2)).inputs).toMatchObject([{ message: 'and then' }])
  await finishTurn(plane, third, 2, { saved })
  expect(await dispositionsOf(plane, task.id)).toMatchObject([{ kind: 'consumed', attempt_no: 3, turn: 2 }])
})

test.each(['approval', 'run'] as const)(
  'two who answer at once: the first counts, and the other is told so; where the first comes after the read of the %s',
  async (kind) => {
    const store = betweenStore()
    const { plane, sandbox } = await oneLive({ policy }, store)
    const approval_id = await ask(plane, sandbox)
    const answer = async (action: 'approve' | 'reject') => answerApproval(plane.deps, plane.workspace_id, { approval_id, action })
    store.afterReadOf(kind, async () => void (await answer('approve')))
    expect(await answer('reject')).toMatchObject({ ok: false, code: 'illegal_state', errors: [{ value: 'approve' }] })
  },
)
