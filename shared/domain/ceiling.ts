/**
 * A ceiling: how many attempts of a workspace, or of the whole deployment, may be live at once, whatever their classes allow. Every
 * attempt that is admitted under a ceiling says so (`counted`), and each count changes in the transaction of the attempt it counts.
 *
 * Who finds no room takes a turn in the ceiling's line. The line is served by rank: in that of a workspace its classes take turns; in
 * that of the deployment each workspace has one turn in a round, however many classes it has in line.
 */
import * as z from 'zod'
import { ClassKey, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'

export const ceiling_scopes = ['workspace', 'deployment'] as const
export const CeilingScope = z.enum(ceiling_scopes)
export type CeilingScope = z.infer<typeof CeilingScope>

/** Whose ceiling it is: a workspace's id, or the deployment. */
export const deployment_owner = 'deployment'
export const CeilingOwner = z.union([WorkspaceId, z.literal(deployment_owner)])
export type CeilingOwner = z.infer<typeof CeilingOwner>
export const ownerOf = (scope: CeilingScope, workspace_id: WorkspaceId): CeilingOwner => (scope === 'workspace' ? workspace_id : deployment_owner)
export const scopeOf = (owner: CeilingOwner): CeilingScope => (owner === deployment_owner ? 'deployment' : 'workspace')

export const Ceiling = z.strictObject({
  kind: z.literal('ceiling'),
  owner: CeilingOwner,
  limit: z.int().min(0),
  /** Live attempts that are counted here. */
  live: z.int().min(0),
  /** Attempts that were live before the ceiling was set are being counted, since then. Nothing is admitted until that is done. */
  counting_since: Timestamp.optional(),
  /** How often it was set where none was. Who read it as it was before admits nothing under it. */
  set_no: z.int().min(1).optional(),
  /** Nobody holds to it at present, and attempts are admitted that it does not count. */
  lifted: z.boolean().optional(),
  /** The greatest rank that was given in a workspace's line. */
  last_rank: z.int().min(0),
  /** The rank that was served last. */
  served_rank: z.int().min(0),
  due_at: Timestamp.optional(),
  created_at: Timestamp,
  version: z.int(),
})
export type Ceiling = z.infer<typeof Ceiling>

/** A class's turn in the line of a ceiling: good for one admission. */
export const Turn = z.strictObject({
  kind: z.literal('turn'),
  owner: CeilingOwner,
  workspace_id: WorkspaceId,
  class_key: ClassKey,
  rank: z.int().min(1),
  version: z.int(),
})
export type Turn = z.infer<typeof Turn>

/** How many classes one look at a ceiling wakes at most. */
export const woken_max = 10
