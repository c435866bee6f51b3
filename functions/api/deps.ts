import type { FlowDeps } from '../../shared/flows/flow.ts'
import type { HttpDeps } from '../middleware/http-handler.ts'

/** What the API needs from the world. */
export interface ApiDeps extends FlowDeps, HttpDeps {
  /** Of the package: the OpenAPI document names it. */
  readonly version: string
  /** Where events are streamed, without a slash at the end. */
  readonly stream_url: string
}
