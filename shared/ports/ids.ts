import { randomBytes } from 'node:crypto'
import { monotonicFactory } from 'ulid'
import { id_prefixes } from '../domain/ids.ts'
import type { Ids } from './ports.ts'

const ulid = monotonicFactory()

/** ULIDs and secrets from the machine's random source. */
export const system_ids: Ids = {
  mint: (kind) => `${id_prefixes[kind]}_${ulid()}`,
  secret: () => randomBytes(32).toString('base64url'),
}
