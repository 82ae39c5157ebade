// Makes calls with Seam's SDK for Node: reads {endpoint, apiKey, calls} and prints what came of each.
// A call is [resource, method, parameters, options]; with the method "paginate" all pages are read.

import { SeamHttp } from '@seamapi/http'

const input = []
for await (const piece of process.stdin) input.push(piece)
const { endpoint, apiKey, calls } = JSON.parse(Buffer.concat(input).toString())

const seam = new SeamHttp({
  endpoint,
  apiKey,
  waitForActionAttempt: false,
  axiosRetryOptions: { retries: 0 },
})

const call = async ([resource, method, parameters, options]) => {
  if (method !== 'paginate') return await seam[resource][method](parameters, options)
  const pages = []
  for await (const page of seam.createPaginator(seam[resource].list(parameters))) pages.push(page)
  return pages
}

const outcomes = []
for (const one of calls) {
  try {
    outcomes.push({ returned: await call(one) })
  } catch (error) {
    const { name, message, code, statusCode, requestId, validationErrors } = error
    outcomes.push({ raised: { name, message, code, statusCode, requestId, validationErrors } })
  }
}
console.log(JSON.stringify(outcomes))
