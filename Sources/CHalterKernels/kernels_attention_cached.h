// Attention of a few queries after cached keys, as in generation: keys and values are read once
// where they are, in runs, so that threads share the work of one head.
#pragma once

/// Where the parts of a query and head over a run are: the largest score, the sum of exponentials
/// relative to it, and the sum of values that they weigh.
INLINE float *run_part(const hk_attention *attention, size_t run, size_t head, size_t query,
                       float *parts) {
  const size_t queries = attention->segments[attention->segment_count];
  return parts + ((run * attention->heads + head) * queries + query) * HK_ATTENTION_PART;
}

/// part = the softmax of one query, `q`, over `seen` keys, relative to its largest score.
INLINE void attend_keys(hk_element type, const hk_term *keys, const hk_term *values, size_t d,
                        size_t seen, const float *q, float *scores, float *part) {
  for (size_t key = 0; key < seen; key++) {
    vfloat sum = splat(0);
    const size_t at = key * keys->lda;
    FOR_VECTORS(i, k, d,
                { sum = multiply_add(load(q + i, k), load_as(type, keys->a, at + i, k), sum); });
    scores[key] = reduce_add(sum);
  }
  const float largest = row_max(seen, 1, scores, -INFINITY);
  vfloat sum = splat(0);
  FOR_VECTORS(i, k, seen, {
    const vfloat p = quick_exponential(load(scores + i, k) - splat(largest));
    store(scores + i, k, p);
    sum += fill_from(p, k, 0);
  });
  part[0] = largest;
  part[1] = reduce_add(sum);
  FOR_VECTORS(i, k, d, {
    // Four sums hide the latency of the additions.
    vfloat sums[4] = {0, 0, 0, 0};
    for (size_t key = 0; key < seen; key++)
      sums[key % 4] = multiply_add(
          splat(scores[key]), load_as(type, values->a, key * values->lda + i, k), sums[key % 4]);
    store(part + 2 + i, k, (sums[0] + sums[1]) + (sums[2] + sums[3]));
  });
}

static void attend_run(const hk_attention *attention, size_t kv_head, size_t run, float *parts) {
  const size_t queries = attention->segments[attention->segment_count];
  const hk_element type = attention->type;
  const size_t group = attention->heads / attention->kv_heads;
  const size_t first = run * HK_ATTENTION_RUN;
  const hk_term keys = head_term(attention, &attention->k, first, kv_head, false);
  const hk_term values = head_term(attention, &attention->v, first, kv_head, false);
  for (size_t head = kv_head * group; head < (kv_head + 1) * group; head++)
    for (size_t query = 0; query < queries; query++) {
      float *part = run_part(attention, run, head, query, parts);
      part[0] = -INFINITY;
      const size_t visible = attention->cached + query + 1;
      if (visible <= first) continue;
      float q[HK_ATTENTION_HEAD], scores[HK_ATTENTION_RUN];
      const hk_matrix rows = head_rows(attention, &attention->q, 0, queries, head);
      decode(&rows, query, 0, attention->head_dim, q);
      scale(attention->head_dim, attention->scale, q, q);
      const size_t seen = hk_smaller(visible - first, HK_ATTENTION_RUN);
      FOR_TYPE(type, {
        attend_keys(type, &keys, &values, attention->head_dim, seen, q, scores, part);
      });
    }
}

static void join_runs(const hk_attention *attention, size_t head, const float *parts) {
  const size_t queries = attention->segments[attention->segment_count];
  const size_t d = attention->head_dim;
  const size_t runs = hk_divided_up(attention->cached + queries, HK_ATTENTION_RUN);
  for (size_t query = 0; query < queries; query++) {
    float largest = -INFINITY;
    for (size_t run = 0; run < runs; run++) {
      const float part = run_part(attention, run, head, query, (float *)parts)[0];
      largest = part > largest ? part : largest;
    }
    float total = 0, output[HK_ATTENTION_HEAD] = {0};
    for (size_t run = 0; run < runs; run++) {
      const float *part = run_part(attention, run, head, query, (float *)parts);
      if (part[0] == -INFINITY) continue;
      const float factor = quick_exponential(splat(part[0] - largest))[0];
      total += factor * part[1];
      axpy(d, factor, part + 2, output);
    }
    scale(d, 1 / total, output, output);
    put_row(attention, &attention->out, query, head, output);
    if (attention->lse)
      attention->lse[head * queries + query] = largest + logf(total);
  }
}
