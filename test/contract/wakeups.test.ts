/** Nothing that can go on is forgotten: each test loses a doorbell, or rings too many. */
import { expect, test } from 'vitest'
import { lookAtTask } from '../../shared/flows/look.ts'
import { at, named, sweepAndDeliver } from '../support/looks.ts'
import { testPlane } from '../support/plane.ts'

test('a task that was long in line is watched from its start on, however late its queue timeout is', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  await plane.accept({ agent_id: agent.id })
  const { task } = await plane.accept({ agent_id: agent.id, queue_timeout_ms: 86_400_000 })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  plane.advance(61_000)
  await lookAtTask(plane.deps, named(plane, task))
  await plane.finish(at(plane.sandboxes, 0))
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 1))
  plane.advance(180_000)
  await sweepAndDeliver(plane)
  expect(at(plane.sandboxes, 2)).toMatchObject({ run_id: at(plane.sandboxes, 1).run_id, attempt_no: 2 })
})
