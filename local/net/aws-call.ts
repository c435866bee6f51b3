/** One call in the AWS JSON protocol to a part of the local stack. The SDK would cost the main process 30 MB for a handful of calls at the start. */

export interface AwsCall {
  readonly service: string
  /** `DynamoDB_20120810.DescribeTable` */
  readonly target: string
  readonly region: string
}

/** Shaped like a signature: emulators want one and check none. */
const authorization = ({ service, region }: AwsCall) =>
  `AWS4-HMAC-SHA256 Credential=local/20260101/${region}/${service}/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`

/** @throws an error whose message holds the answer, and with it the error code of the service */
export const callAws = async (url: string, call: AwsCall, body: object): Promise<unknown> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': call.target,
      'x-amz-date': new Date().toISOString().replaceAll(/[-:]|\.\d+/g, ''),
      authorization: authorization(call),
    },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${call.target} at ${url}: ${text}`)
  return text === '' ? {} : JSON.parse(text)
}
