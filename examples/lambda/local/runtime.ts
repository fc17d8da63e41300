/** The runtime loop of a Lambda function: asks the Runtime API for work until the service is gone. */

/** As Lambda calls it: the event, and a context. */
export type Handler = (event: unknown, context: never) => Promise<unknown>

export async function serveLambda(
  handler: Handler,
  api: string = process.env['AWS_LAMBDA_RUNTIME_API'] ?? '',
): Promise<void> {
  const base = `http://${api}/2018-06-01/runtime/invocation`
  for (;;) {
    let next: Response
    try {
      next = await fetch(`${base}/next`)
    } catch {
      return
    }
    const id = next.headers.get('lambda-runtime-aws-request-id') ?? ''
    const deadline = Number(next.headers.get('lambda-runtime-deadline-ms'))
    const arn = next.headers.get('lambda-runtime-invoked-function-arn') ?? ''
    const event: unknown = await next.json()
    const [kind, body] = await handler(event, lambdaContext(id, arn, deadline) as never).then(
      (output) => ['response', JSON.stringify(output ?? null)],
      (error: Error) => ['error', JSON.stringify({ errorType: error.name, errorMessage: error.message })],
    )
    await fetch(`${base}/${id}/${kind}`, { method: 'POST', body: body ?? '' })
  }
}

export function lambdaContext(awsRequestId: string, invokedFunctionArn: string, deadline: number): object {
  return {
    awsRequestId,
    invokedFunctionArn,
    functionName: invokedFunctionArn.split(':').at(-1),
    functionVersion: '$LATEST',
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  }
}
