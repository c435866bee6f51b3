import * as z from 'zod'

/** What `server.address()` gives for a TCP server. */
export const z_port = z.looseObject({ port: z.int() })
