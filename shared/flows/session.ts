/** Looking at a session: a free one sends the head of its waiting line back to its class; a lease without an owner is released. */
import { decideHandOver, decideReconcile } from '../domain/decide/session.ts'
import { decided } from '../domain/decision.ts'
import { refs, sessionPartition } from '../store/keys.ts'
import { settled, type FlowDeps } from './flow.ts'

export const lookAtSession = async (deps: FlowDeps, name: { readonly workspace_id: string; readonly session_id: string }): Promise<void> =>
  settled(deps, async () => {
    const session = await deps.store.get(refs.session(name.workspace_id, name.session_id))
    if (session === undefined) return decided([], [], undefined)
    if (session.owner !== undefined)
      return decideReconcile(session, await deps.store.get(refs.run(session.workspace_id, session.owner.run_id)), deps.clock.now())
    const page = await deps.store.range({ index: 'table', pk: sessionPartition(session.workspace_id, session.id), from: 'WAIT#', to: 'WAIT#~', limit: 1 })
    return decideHandOver(
      session,
      page.records.find((record) => record.kind === 'place'),
      deps.clock.now(),
    )
  })
