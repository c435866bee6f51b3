/** The fields of run events that a conversation goes by. */
import * as z from 'zod'

const Payload = z.looseObject({
  turn: z.int().optional().catch(undefined),
  input_ids: z.array(z.string()).catch([]),
  approval_id: z.string().optional().catch(undefined),
  waits_for: z.string().optional().catch(undefined),
})

/** What the payload of an event says of inputs and questions; a field that is not as it should be is absent. */
export const eventSays = (payload: unknown): z.infer<typeof Payload> => Payload.catch({ input_ids: [] }).parse(payload)
