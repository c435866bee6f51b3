/** Questions of agents: all that are open in a workspace, or all of a run. */
import * as z from 'zod'
import { ApprovalId, type RunId, type WorkspaceId } from '../domain/ids.ts'
import { listPartitions, recordPartition, refOf } from '../store/keys.ts'
import { merged } from './pages.ts'
import { simpleList } from './simple.ts'
import type { Approval } from '../domain/approval.ts'
import type { Result } from '../domain/result.ts'
import type { StoredRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Listed, ListPage } from './tasks.ts'

const isApproval = (record: StoredRecord): Approval | undefined => (record.kind === 'approval' ? record : undefined)
const idOf = (approval: Approval): string => approval.id

/** Newest first. */
export const listOpenApprovals = async (store: Store, ws: WorkspaceId, page: ListPage): Promise<Result<Listed<Approval>>> =>
  simpleList(
    {
      name: 'open-approvals',
      key: ApprovalId,
      source: merged(store, 'by_state', [listPartitions.openApprovals(ws)], isApproval, idOf),
      keyOf: idOf,
      keep: (approval) => approval.resolved === undefined,
    },
    page,
  )

const sortKey = (approval: Approval): string => refOf(approval).sk

/** Newest first, open and ended. */
export const listRunApprovals = async (store: Store, ws: WorkspaceId, run_id: RunId, page: ListPage): Promise<Result<Listed<Approval>>> =>
  simpleList(
    {
      name: 'run-approvals',
      key: z.string().regex(/^APPROVAL#apr_[0-9A-Z]{26}$/),
      source: merged(store, 'table', [recordPartition(ws, run_id)], isApproval, sortKey),
      keyOf: sortKey,
    },
    page,
  )
