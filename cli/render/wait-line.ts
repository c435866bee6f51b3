/** The lines of a run that waits for a human: what its agent asks, and what it was told. */
import * as z from 'zod'
import type { RunEventView } from '../../shared/contract/runs.ts'
import { clean, type Style } from './style.ts'

const Payload = z.looseObject({
  approval_id: z.string().optional(),
  tool: z.string().optional(),
  resolution: z.string().optional(),
  action: z.string().optional(),
  waits_for: z.string().optional(),
})

export const waitLine = (style: Style, event: Pick<RunEventView, 'event_type' | 'payload'>): string => {
  const { approval_id, tool, resolution, action, waits_for } = Payload.catch({}).parse(event.payload)
  if (event.event_type === 'approval_requested') {
    const how = approval_id === undefined ? '' : `: lanekeeper approve ${clean(approval_id)}, or reject`
    return style.yellow(`? asks to use ${clean(tool ?? 'a tool')}${how}`)
  }
  if (event.event_type === 'approval_resolved') {
    if (action !== undefined) return style.yellow(action === 'approve' ? '? approved' : '? rejected')
    return style.yellow(resolution === 'expired' ? '? nobody answered: rejected' : '? the question is gone with its attempt')
  }
  return style.dim(waits_for === 'question' ? '‖ waits for the answer, without a sandbox' : '‖ waits for input, without a sandbox')
}
