/** Ringing the runner of a live attempt, so that it asks now and not with its next heartbeat. A ring says "look", never what to do. */
import type { Signal } from '../ports/ports.ts'
import type { Run } from './run.ts'

/** The signal that makes the run's runner look, where it has a doorbell; to be sent with the decision that gives it something to see. */
export const ringRunner = ({ attempt }: Run): readonly Signal[] =>
  attempt.status === 'running' && attempt.doorbell !== undefined ? [{ kind: 'ring', doorbell: attempt.doorbell }] : []
